"""The server: how it starts, listens and answers."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import requests

from qb_pipeline_tests.emulator.conftest import Client


def test_it_refuses_to_listen_to_other_machines() -> None:
    arguments = [sys.executable, "-m", "qb_pipeline.emulator", "--host", "0.0.0.0"]  # noqa: S104 - it must refuse
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=20)

    assert (done.returncode, done.stderr) == (2, "the emulator has no login: it listens on loopback only\n")


def test_a_config_file_opens_companies(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text('{"companies": [{"realm_id": "77", "name": "Prepared", "switches": {"batch_limit": 7}}]}')
    arguments = [sys.executable, "-m", "qb_pipeline.emulator", "--config", str(config)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        base = process.stdout.readline().split()[1]
        found = requests.get(f"{base}/emulator/companies", timeout=5).json()
        limit = requests.get(f"{base}/emulator/companies/77/switches", timeout=5).json()["batch_limit"]
        process.terminate()

    assert [each["name"] for each in found] == ["Prepared"]
    assert limit == 7


def test_whoever_dies_in_the_middle_of_a_request_leaves_no_trace() -> None:
    arguments = [sys.executable, "-m", "qb_pipeline.emulator", "--port", "0"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        base = process.stdout.readline().split()[1]
        with socket.create_connection(("127.0.0.1", int(base.rsplit(":", 1)[1]))) as half:
            half.sendall(b"POST /emulator/clock HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 30\r\n\r\n{")
            time.sleep(0.1)
        clock = requests.get(f"{base}/emulator/clock", timeout=5).json()
        process.terminate()
        _, errors = process.communicate(timeout=10)

    assert (clock["offset_seconds"], errors) == (0, "")


def test_a_small_answer_takes_no_more_than_a_few_milliseconds(books: Client) -> None:
    books.get("companyinfo/1")
    times = []
    for _ in range(30):
        began = time.perf_counter()
        books.get("companyinfo/1")
        times.append(time.perf_counter() - began)

    assert sorted(times)[15] < 0.02


def test_a_large_answer_is_zipped_and_every_answer_has_a_tid(books: Client) -> None:
    answer = books.get("preferences")

    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["intuit_tid"].startswith("1-")
    assert answer.json()["Preferences"]["SalesFormsPrefs"]["CustomTxnNumbers"] is True


def test_whoever_does_not_ask_for_json_gets_xml(books: Client) -> None:
    answer = books.get("companyinfo/1", headers={"Accept": "*/*"})

    assert answer.headers["content-type"].startswith("application/xml")
    assert "<CompanyName>Law Firm</CompanyName>" in answer.text
