"""The everyday work of the two demo firms: documents that show no trouble.

Belongs here: people, companies, matters, prices. Does not belong here: documents with a trouble (``troubles``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from random import Random

from qb_pipeline.billing.demo.book import Book, Row, line

FeeItem = tuple[str, str, str, str | None]

RIVERA_FEE_ITEMS: tuple[FeeItem, ...] = (
    ("LF-H1B", "H-1B Petition", "legal_fee", "3500"),
    ("LF-H1X", "H-1B Extension", "legal_fee", "2800"),
    ("LF-L1A", "L-1A Petition", "legal_fee", "4800"),
    ("LF-O1", "O-1 Petition", "legal_fee", "6500"),
    ("LF-PERM", "PERM Labor Certification", "legal_fee", "5500"),
    ("LF-140", "I-140 Immigrant Petition", "legal_fee", "3000"),
    ("LF-485", "I-485 Adjustment of Status", "legal_fee", "2500"),
    ("LF-130", "I-130 Family Petition", "legal_fee", "1800"),
    ("LF-400", "N-400 Naturalization", "legal_fee", "1500"),
    ("LF-ASY", "Asylum Application", "legal_fee", "5000"),
    ("LF-CON", "Consultation", "legal_fee", "250"),
    ("LF-HR", "Attorney Time", "legal_fee", "325"),
    ("GF-129", "USCIS Filing Fee I-129", "government_fee", "780"),
    ("GF-ACW", "ACWIA Fee", "government_fee", "1500"),
    ("GF-FRD", "Fraud Prevention Fee", "government_fee", "500"),
    ("GF-907", "Premium Processing I-907", "government_fee", "2805"),
    ("GF-140", "USCIS Filing Fee I-140", "government_fee", "715"),
    ("GF-485", "USCIS Filing Fee I-485", "government_fee", "1440"),
    ("GF-130", "USCIS Filing Fee I-130", "government_fee", "675"),
    ("GF-400", "USCIS Filing Fee N-400", "government_fee", "760"),
    ("EX-TRA", "Certified Translation", "expense", "35"),
    ("EX-COU", "Courier", "expense", "42.50"),
    ("EX-COP", "Copies and Printing", "expense", "0.25"),
    ("EX-EVA", "Credential Evaluation", "expense", "195"),
    ("IN-FIN", "Interest on Overdue Balance", "interest", None),
)

CHEN_FEE_ITEMS: tuple[FeeItem, ...] = (
    ("P-TIME", "Partner Time", "legal_fee", "495"),
    ("A-TIME", "Associate Time", "legal_fee", "310"),
    ("P-TM", "Trademark Application", "legal_fee", "1450"),
    ("P-OA", "Office Action Response", "legal_fee", "1950"),
    ("P-E2", "E-2 Treaty Investor Petition", "legal_fee", "6800"),
    ("P-EB5", "EB-5 Investor Petition", "legal_fee", "15000"),
    ("P-INC", "Incorporation Package", "legal_fee", "2200"),
    ("P-CON", "Contract Review", "legal_fee", "900"),
    ("G-USPTO", "USPTO Filing Fee", "government_fee", "350"),
    ("G-526", "USCIS Filing Fee I-526", "government_fee", "11160"),
    ("G-SOS", "Secretary of State Filing Fee", "government_fee", "100"),
    ("E-TRANS", "Chinese-English Translation", "expense", "48"),
    ("E-NOT", "Notary", "expense", "15"),
    ("E-MSG", "Messenger", "expense", "38.75"),
    ("I-LATE", "Late Charge", "interest", None),
)

RIVERA_PEOPLE = (
    ("Ana", "Morales"), ("Luis", "Hernández"), ("Sofía", "Ramírez"), ("Diego", "Fuentes"), ("Camila", "Ortega"),
    ("Mateo", "Vargas"), ("João", "Pereira"), ("Beatriz", "Carvalho"), ("Rafael", "Guimarães"), ("Inês", "Gonçalves"),
    ("Priya", "Raghavan"), ("Arjun", "Mehta"), ("Sneha", "Kulkarni"), ("Vikram", "Iyer"), ("Farah", "Siddiqui"),
    ("Imran", "Chaudhry"), ("Nusrat", "Rahman"), ("Nguyễn", "Thị Hoa"), ("Đặng", "Văn Long"), ("Mai", "Phạm"),
    ("Jin-ho", "Park"), ("Soo-yeon", "Kim"), ("Haruka", "Tanaka"), ("Kenji", "Watanabe"), ("Xiaoming", "Zhao"),
    ("Olena", "Shevchenko"), ("Dmytro", "Kovalenko"), ("Łukasz", "Wiśniewski"), ("Zofia", "Dąbrowska"),
    ("Jürgen", "Müller"), ("Anaïs", "Lefèvre"), ("Siobhán", "O'Connor"), ("Niamh", "O'Sullivan"),
    ("Søren", "Østergaard"), ("Åsa", "Lindström"), ("Ayşe", "Gündoğdu"), ("Emre", "Şahin"),
    ("Leila", "Farahani"), ("Reza", "Ahmadi"),
    ("Yusuf", "Abdullahi"), ("Chidi", "Okonkwo"), ("Ngozi", "Adeyemi"), ("Kwame", "Boateng"), ("Abena", "Mensah"),
    ("Fatou", "N'Diaye"), ("Amadou", "Diallo"), ("Tesfaye", "Bekele"), ("Mariam", "El-Sayed"), ("Karim", "Haddad"),
    ("Jean-Luc", "D'Arcy"), ("Marie-Claire", "Dubois"), ("Ion", "Ionescu"), ("Petra", "Novák"), ("Jiří", "Dvořák"),
)  # fmt: skip

CHEN_PEOPLE = (
    ("Li", "Huang"), ("Ming", "Zhou"), ("Yan", "Sun"), ("Jun", "Guo"), ("Hui", "Lin"), ("Grace", "Liu"),
    ("Daniel", "Tsai"), ("Emily", "Wong"), ("Kevin", "Cheung"), ("Mei-Ling", "Hsu"), ("Hiroshi", "Nakamura"),
    ("Yuki", "Saitō"), ("Seo-jun", "Choi"), ("Ha-eun", "Jung"), ("Minh", "Trần"), ("Lan", "Võ"), ("Rosa", "Castañeda"),
    ("Javier", "Ibáñez"), ("Gabriela", "Muñoz"), ("Armen", "Petrosyan"), ("Narek", "Hakobyan"), ("Shirin", "Kazemi"),
    ("David", "Ben-Ami"), ("Noa", "Levi"), ("Patrick", "O'Rourke"), ("Helena", "Strömberg"), ("Marco", "Bianchi"),
    ("Chloé", "Bernard"),
)  # fmt: skip

RIVERA_COMPANIES = (
    ("Northwind Robotics, Inc.", "Karen", "Whitfield"), ("Hudson Biotech LLC", "Alan", "Prescott"),
    ("Empire State Data Corp.", "Monica", "Reyes"), ("O'Malley & Sons Construction", "Brendan", "O'Malley"),
    ("Café São Paulo Imports, Inc.", "Renata", "Lima"), ("Queens Medical Group PC", "Samuel", "Adler"),
    ("Bluestone Software, Inc.", "Ingrid", "Halvorsen"), ("Atlantic Freight Systems", "Tom", "Barnes"),
    ("Lexington Quantitative LP", "Rachel", "Stein"), ("Gramercy Hospitality Group", "Paul", "Marchetti"),
    ("Tribeca Design Studio LLC", "Yasmin", "Khoury"), ("Verdant Energy Partners", "Scott", "Lindqvist"),
    ("Müller & Söhne USA, Inc.", "Katrin", "Becker"), ("Harlem Children's Arts Foundation", "Denise", "Carter"),
)  # fmt: skip

CHEN_COMPANIES = (
    ("Golden Gate Foods, Inc.", "Henry", "Lau"), ("Pacific Rim Logistics LLC", "Susan", "Yee"),
    ("Sunrise Semiconductor Corp.", "Albert", "Chang"), ("Jade Mountain Tea Company", "Vivian", "Ho"),
    ("Westside Animation Studios", "Greg", "Palmer"), ("Arroyo Seco Winery LLC", "Linda", "Serrano"),
    ("Mulholland Pictures, Inc.", "Bruce", "Keller"), ("Dragonfly Drones, Inc.", "Jason", "Kwan"),
    ("San Gabriel Dental Group", "Cindy", "Truong"), ("Kōyō Trading USA", "Akira", "Matsuda"),
    ("Figueroa Fashion House", "Paola", "Ríos"), ("Vermont Avenue Pharmacy", "Raffi", "Sarkisian"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Matter:
    """Fee items that are billed together, each with its smallest and largest number of units. Hours are counted in
    quarters."""

    title: str
    for_company: bool
    items: tuple[tuple[str, int, int], ...]


RIVERA_MATTERS = (
    Matter("H-1B petition", True, (("LF-H1B", 1, 1), ("GF-129", 1, 1), ("GF-ACW", 1, 1), ("GF-FRD", 1, 1))),
    Matter("H-1B petition, premium", True, (("LF-H1B", 1, 1), ("GF-129", 1, 1), ("GF-907", 1, 1), ("EX-COU", 1, 2))),
    Matter("H-1B extension", True, (("LF-H1X", 1, 1), ("GF-129", 1, 1), ("EX-COU", 1, 1))),
    Matter("L-1A transfer", True, (("LF-L1A", 1, 1), ("GF-129", 1, 1), ("GF-FRD", 1, 1), ("EX-TRA", 4, 30))),
    Matter("PERM labor certification", True, (("LF-PERM", 1, 1), ("EX-EVA", 1, 2), ("EX-COP", 20, 200))),
    Matter("I-140 petition", True, (("LF-140", 1, 1), ("GF-140", 1, 1), ("EX-COU", 1, 1))),
    Matter("O-1 petition", False, (("LF-O1", 1, 1), ("GF-129", 1, 1), ("EX-TRA", 5, 40))),
    Matter("Adjustment of status", False, (("LF-485", 1, 1), ("GF-485", 1, 1), ("EX-TRA", 2, 12), ("EX-COU", 1, 1))),
    Matter("Family petition", False, (("LF-130", 1, 1), ("GF-130", 1, 1), ("EX-TRA", 2, 10))),
    Matter("Naturalization", False, (("LF-400", 1, 1), ("GF-400", 1, 1))),
    Matter("Asylum", False, (("LF-ASY", 1, 1), ("EX-TRA", 10, 60), ("EX-COP", 40, 400))),
    Matter("Response to a request for evidence", False, (("LF-HR", 6, 40), ("EX-COU", 1, 1))),
    Matter("Consultation", False, (("LF-CON", 1, 1),)),
)

CHEN_MATTERS = (
    Matter("Trademark application", True, (("P-TM", 1, 1), ("G-USPTO", 1, 3))),
    Matter("Office action", True, (("P-OA", 1, 1), ("A-TIME", 4, 24))),
    Matter("Supply contract", True, (("P-CON", 1, 3), ("P-TIME", 2, 16), ("E-TRANS", 5, 40))),
    Matter("Incorporation", True, (("P-INC", 1, 1), ("G-SOS", 1, 1), ("E-NOT", 1, 4))),
    Matter("Shareholder dispute", True, (("P-TIME", 8, 60), ("A-TIME", 12, 80), ("E-MSG", 1, 3))),
    Matter("E-2 investor visa", False, (("P-E2", 1, 1), ("E-TRANS", 10, 60), ("E-MSG", 1, 1))),
    Matter("EB-5 investor petition", False, (("P-EB5", 1, 1), ("G-526", 1, 1), ("E-TRANS", 20, 90))),
    Matter("Lease negotiation", False, (("P-TIME", 4, 20), ("E-NOT", 1, 2))),
)

HOURLY = {"LF-HR", "P-TIME", "A-TIME"}
"""Fee items whose units here are quarters of an hour."""

METHODS = ("check", "check", "card", "card", "echeck", "wire", "cash")


def add_payers(book: Book, people: Sequence[tuple[str, str]], companies: Sequence[tuple[str, str, str]]) -> None:
    """Add the payers of everyday documents, with the ids P001 … and C01 …."""
    for number, (first, last) in enumerate(people, start=1):
        book.person(f"P{number:03d}", first, last)
    for number, (name, first, last) in enumerate(companies, start=1):
        book.corporation(f"C{number:02d}", name, first, last)


def add_documents(
    book: Book,
    random: Random,
    matters: Sequence[Matter],
    prices: Sequence[FeeItem],
    *,
    people: int,
    companies: int,
    invoices: int,
    paid: bool,
) -> None:
    """Add everyday invoices over the last 90 days and, if ``paid`` (the firm takes payments in billing), payments.

    Of the older invoices, three of four are paid in full and one of ten in part. Some payments pay two invoices.
    """
    price_of = {code: (name, kind, price or "0") for code, name, kind, price in prices}
    waiting: dict[str, str] = {}
    for number, days in enumerate(sorted((random.randint(1, 90) for _ in range(invoices)), reverse=True), start=1):
        matter = random.choice(matters)
        payer_id = f"C{random.randint(1, companies):02d}" if matter.for_company else f"P{random.randint(1, people):03d}"
        day = book.ago(days)
        lines: list[Row] = []
        for code, least, most in matter.items:
            name, kind, price = price_of[code]
            units = Decimal(random.randint(least, most))
            lines.append(
                line(
                    code, name, price, quantity=str(units / 4 if code in HOURLY else units),
                    kind="expense" if kind == "expense" else "fee",
                    service_date=day - timedelta(days=random.randint(0, 12)),
                )
            )  # fmt: skip
        invoice_id = book.invoice(
            f"inv-{number:04d}", payer_id, day, lines, matter=matter.title, customer_message="Thank you for your trust."
        )
        if not paid or days < 8:
            continue
        fate = random.random()
        received = book.ago(max(1, days - random.randint(5, 35)))
        details = {"method": random.choice(METHODS), "reference": str(random.randint(1000, 9999))}
        if fate < 0.05 and payer_id not in waiting:
            waiting[payer_id] = invoice_id
        elif fate < 0.8:
            both = {waiting.pop(payer_id, invoice_id): None, invoice_id: None}
            book.payment(f"pay-{number:04d}", payer_id, received, both, **details)
        elif fate < 0.9:
            book.payment(f"pay-{number:04d}", payer_id, received, {invoice_id: "100.00"}, **details)
