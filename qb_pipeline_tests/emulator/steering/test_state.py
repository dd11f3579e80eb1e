"""State: what survives a restart, also a violent one."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import requests

from qb_pipeline.emulator.books.clock import Clock
from qb_pipeline.emulator.books.writes import write
from qb_pipeline.emulator.steering.state import EmulatorState
from qb_pipeline_tests.emulator.books.test_double_entry import audit
from qb_pipeline_tests.emulator.conftest import NOON, invoice_of, payment_of


def make(path: Path | None = None) -> EmulatorState:
    return EmulatorState(path, Clock(source=lambda: NOON))


def everything(state: EmulatorState, realm: str = "7") -> dict[str, Any]:
    company = state.tenants[realm].company
    bodies = {entity: [record.decode() for record in table.rows.values()] for entity, table in company.tables.items()}
    gone = {entity: sorted(table.gone) for entity, table in company.tables.items()}
    accounts = {name: cents for name, cents in company.account_cents.items() if cents}
    return {"live": bodies, "gone": gone, "accounts": accounts, "number": company.last_number}


def test_everything_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "state"
    state = make(path)
    company = state.add_company("7", "Law Firm", {"requestid": "honoured"}).company
    write(company, "Customer", "create", {"DisplayName": "Ada"})
    write(company, "Invoice", "create", invoice_of("1", 100, DocNumber="N-7"))
    write(company, "Invoice", "create", invoice_of("1", 50))
    write(company, "Payment", "create", payment_of("1", 70, ("1", 60)))
    write(company, "Invoice", "delete", {"Id": "2", "SyncToken": "0"})
    write(company, "Customer", "update", {"Id": "1", "SyncToken": "0", "sparse": True, "DisplayName": "Augusta"})
    answer = state.tenants["7"].desk.write("Invoice", "create", invoice_of("1"), request_id="r")
    state.keep_answers(state.tenants["7"])
    tokens = state.authorizations.grant(company)
    state.advance(3600)
    state.set_webhook("7", "http://127.0.0.1:9/", "secret")
    before = everything(state)
    state.journal.close()

    for _ in range(2):  # the second start reads what the first has compacted
        again = make(path)
        assert everything(again) == before
        audit(again.tenants["7"].company)
        assert again.clock.offset == 3600
        assert again.authorizations.vault.refresh.keys() == {tokens["refresh_token"]}
        assert again.tenants["7"].webhooks.url == "http://127.0.0.1:9/"
        assert again.tenants["7"].desk.write("Invoice", "create", invoice_of("1"), request_id="r").id == answer.id
        again.journal.close()
    assert write(again.tenants["7"].company, "Invoice", "create", invoice_of("1"))[1] == str(int(answer.id) + 1)


def test_a_reset_empties_a_company_and_keeps_its_tokens(tmp_path: Path) -> None:
    state = make(tmp_path / "state")
    company = state.add_company("7", "Law Firm").company
    empty = everything(state)
    state.authorizations.grant(company)
    write(company, "Customer", "create", {"DisplayName": "Ada"})
    state.reset("7")
    state.journal.close()

    assert everything(state) == empty
    again = make(tmp_path / "state")
    again.journal.close()
    assert everything(again) == empty
    assert len(again.authorizations.vault.refresh) == 1


def test_a_torn_last_line_is_dropped_and_a_torn_middle_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "state"
    state = make(path)
    state.add_company("7", "Law Firm")
    state.journal.close()
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"wrote":"7","rec')
    make(path).journal.close()

    path.write_bytes(whole[:200] + b"\n" + whole[200:])
    with pytest.raises(ValueError, match="is not JSON; restore the file or delete it"):
        make(path)


def test_companies_stay_apart(tmp_path: Path) -> None:
    state = make()
    first, second = (state.add_company(realm, f"Firm {realm}").company for realm in ("1", "2"))
    write(first, "Customer", "create", {"DisplayName": "Ada"})

    assert second.tables["Customer"].rows == {}
    for realm, name in (("1", "again"), ("x", "letters")):
        with pytest.raises(ValueError, match="realm"):
            state.add_company(realm, name)


def start(path: Path) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-m", "qb_pipeline.emulator", "--state", str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().split()[1]


@pytest.mark.slow
def test_no_acknowledged_write_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "state"
    process, base = start(path)
    company = f"{base}/emulator/companies"
    requests.post(company, json={"realm_id": "7", "name": "Law Firm"}, timeout=5)
    requests.post(
        f"{company}/7/bookkeeper/edit", json={"entity": "Customer", "changes": {"DisplayName": "Ada"}}, timeout=5
    )
    threading.Timer(0.5, os.kill, (process.pid, signal.SIGKILL)).start()
    acknowledged = []
    with requests.Session() as session:
        while True:
            try:
                order = {"customer_id": "1", "amount": 5}
                acknowledged.append(
                    session.post(f"{company}/7/bookkeeper/next-number", json=order, timeout=5).json()["Id"]
                )
            except requests.ConnectionError:
                break
    process.wait()
    process.stdout.close()  # type: ignore[union-attr]

    process, base = start(path)
    found = [each["Id"] for each in requests.get(f"{base}/emulator/companies/7/Invoice", timeout=5).json()]
    process.terminate()
    process.wait()
    process.stdout.close()  # type: ignore[union-attr]
    assert len(acknowledged) > 10
    assert found[: len(acknowledged)] == acknowledged
    assert len(found) <= len(acknowledged) + 1


def test_what_is_due_while_the_clock_jumps_happens_at_its_own_time() -> None:
    state = make()
    seen: list[float] = []
    state.later(20, lambda: seen.append(state.clock.now() - NOON))
    state.later(50, lambda: seen.append(state.clock.now() - NOON))

    state.advance(100)

    assert (seen, state.clock.now() - NOON) == ([20, 50], 100)
