#!/usr/bin/env python3
"""The example host against its own description: schemathesis makes requests from include/openapi.json and judges answers.

    run.py HOST SCHEMATHESIS [--seconds 90] [--seed 1]

HOST is the built example, SCHEMATHESIS the tool (`pip install schemathesis`). It ends with an error when an answer does not
fit the description, when the host logs a fault of its own, or when its memory grows.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ACCOUNT = "abc1de2"

# Checks that contradict what clients were promised:
EXCLUDED = [
    # The Web API is to be liberal: it reads JSON whatever its content type says, ignores members it does not know, takes
    # null for nothing and 7 for "7". Much that breaks the description is served.
    "negative_data_rejection",
    # And it may refuse what fits: a description cannot tell which databases, records and items there are.
    "positive_data_acceptance",
]


def blueprint():
    definitions = json.loads((HERE.parent / "webapi" / "blueprint.json").read_text(encoding="utf-8"))
    rights = ["view", "register", "update", "delete", "import", "export"]
    definitions["users"] = [{"code": "link", "name": "連携用", "rights": {"*": rights}}]
    definitions["access"] = {"calls_per_minute": None}
    return json.dumps(definitions)


def post(base, token, function, body, content_type="application/json"):
    headers = {"X-HD-apitoken": token, "Content-Type": content_type}
    request = urllib.request.Request(f"{base}/{function}/version/v1", body, headers)
    with urllib.request.urlopen(request, timeout=120) as response:
        return json.load(response)


def fill(base, token):
    """Records, a file and a process that requests can be about; their ids."""
    for database, values in [
        ("100200", {"100290": "A-001", "100291": "りんご", "100292": 120}),
        ("100201", {"100301": "済", "100304": "件名", "100306": "A-001", "details": [{"100322": "一行目\n二行目"}]}),
        ("100202", {"100340": "A-001", "100343": 3300}),
        ("100203", {"100360": "1", "100361": "名前", "details": [{"100371": "x", "100372": "報告"}]}),
    ]:
        query = {"dbSchemaId": database, "values": values}
        post(base, token, "apirecord/regist", json.dumps(query).encode())
    part = b'--b\r\nContent-Disposition: form-data; name="uploadFile"; filename="a.csv"\r\n\r\na,1,2026-05-01\r\n--b--\r\n'
    file = post(base, token, "api/fileupload", part, "multipart/form-data; boundary=b")["fileId"]
    query = {"dbSchemaId": 100201, "importId": 100401, "fileId": file}
    return file, post(base, token, "api/csvimport", json.dumps(query).encode())["processId"]


def memory(pid):
    """In KiB; 0 where the system does not tell."""
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return int(re.search(r"VmRSS:\s*(\d+)", status)[1])


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("host")
    arguments.add_argument("schemathesis")
    arguments.add_argument("--seconds", type=int, default=90)
    arguments.add_argument("--seed", type=int, default=1)
    arguments = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "b.json").write_text(blueprint(), encoding="utf-8")
        command = [os.path.abspath(arguments.host), "--store", "s.db", "--blueprint", "b.json", "--quiet"]
        token = subprocess.check_output([*command, "--issue-token", "link"], cwd=folder, text=True).strip()
        with open(folder / "log", "wb") as log:
            command += ["--account", ACCOUNT, "--listen", "127.0.0.1:0"]
            host = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            base = host.stdout.readline().split()[-1]
            file, process = fill(base, token)
            before = memory(host.pid)
            tool = [
                arguments.schemathesis, "run", str(ROOT / "include" / "openapi.json"),
                "--url", base, "--header", f"X-HD-apitoken: {token}",
                "--exclude-checks", ",".join(EXCLUDED), "--continue-on-failure", "--warnings", "off",
                "--max-time", str(arguments.seconds), "--seed", str(arguments.seed),
                "--request-timeout", "120", "--max-response-time", "60",
            ]
            environment = dict(
                os.environ, SCHEMATHESIS_HOOKS="hooks", PYTHONPATH=str(HERE), RENKEI_FILE=file, RENKEI_PROCESS=process
            )
            result = subprocess.run(tool, cwd=folder, env=environment, timeout=arguments.seconds + 300)
            after = memory(host.pid)
            assert host.poll() is None, f"the host has ended: {host.returncode}"
        finally:
            host.terminate()
            host.wait(timeout=120)
        log = (folder / "log").read_text(encoding="utf-8", errors="replace")
        faults = [line for line in log.splitlines() if line.startswith("ERROR") or "panicked" in line]
        assert not faults, "\n".join(faults[:20])
        print(f"the host had {before} KiB before and {after} KiB after")
        assert after < before + (100 << 10), "its memory grew"
        assert host.returncode == 0, host.returncode
    sys.exit(result.returncode)


main()
