"""A long run of everything at once against the example host, with sudden deaths, and a picture of it.

    python3 tests/soak.py [--minutes 60] [--out target/soak] [--host PROGRAM] [--library FILE]

A host serves the Web API to clients that register, change, delete, view, import and export. An office, a second process on
the same store, works through the C library: CSV pushes, http sends, automations, exports and backups. Other automations
follow what is registered, changed and imported; both processes run them. A receiver on this machine takes what they send,
and now and then refuses it, is slow or hangs up. Every minute the host is killed with SIGKILL and started again, every
second minute the office too. Only stock Python is needed, and cargo where --host and --library are not given.

Into the folder go soak.svg (memory, file, log, rows and response times over time), samples.csv and summary.json. At the end
the store is checked, and everything that anybody was told is compared with it; the exit code is 1 when something is missing,
when anybody was refused what he may do, and when the log, memory or tables grow beyond what is promised.
"""

import argparse
import atexit
import ctypes
import heapq
import http.client
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from array import array
from collections import Counter, defaultdict
from ctypes import byref, c_char_p, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ACCOUNT = "abc1de2"
CASES, VISITS, LIST, HEADED = 100201, 100203, 100501, 100402
STATE, AMOUNT, TITLE = "100301", "100303", "100304"
CLIENTS = 4
# So many records a client keeps: instead of more, it deletes one.
KEPT = 300
# The longest pause of a client between two calls, in seconds.
PAUSE = 0.03
# So many of the slowest calls are told.
SLOWEST = 20
# How long ended deliveries are kept: less than a long run, so that their tables stop growing.
RETENTION_MS = 5 * 60 * 1000
# A worker sweeps when it has lived for so long, in seconds, and as often from then on.
SWEEP = 60
# So long the log may become: eight times the size at which it is moved into the file (StoreOptions::checkpoint_bytes).
LOG_BYTES = 8 * 40 << 20
# More memory than this in the last third of a run, compared with the third before it, is growth; in runs of so many minutes.
GROWTH, GROWTH_MINUTES = 1.2, 10
# A listing of runs is asked for everything that there is.
ALL = 1_000_000
# So many imports a record may come after the others: a file has a thousand of three thousand numbers on the average, so
# that one number in four is in none of two files, and one in thirty million in none of sixty.
LATE_IMPORTS = 60


# -- The library ------------------------------------------------------------------------------------------------------------


class Failure(Exception):
    pass


class StoreOptions(ctypes.Structure):
    """Of renkei_store_options only the size: everything else is its default."""

    _fields_ = [("size", c_size_t), ("rest", c_uint64 * 64)]


class WorkerOptions(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t), ("progress", c_void_p), ("progress_user_data", c_void_p), ("retention_ms", c_uint64),
        ("senders", c_size_t), ("network", c_char_p), ("network_len", c_size_t), ("rest", c_void_p * 8),
    ]


class Library:
    """The few functions of renkei.h that the office uses."""

    def __init__(self, path):
        self.c = ctypes.CDLL(path)
        self.c.renkei_error_message.restype = c_char_p

    def call(self, name, *arguments):
        error = c_void_p()
        status = getattr(self.c, name)(*arguments, byref(error))
        if status != 0:
            message = self.c.renkei_error_message(error, c_uint32(1), None).decode()
            self.c.renkei_error_free(error)
            raise Failure(f"{name}: {message}")

    def text(self, name, *arguments):
        """The JSON that a function gives."""
        out, size = c_void_p(), c_size_t()
        self.call(name, *arguments, byref(out), byref(size))
        text = ctypes.string_at(out, size.value).decode()
        self.c.renkei_free(out)
        return json.loads(text)

    def open(self, path):
        store = c_void_p()
        path = os.fsencode(path)
        self.call("renkei_store_open", path, c_size_t(len(path)), None, byref(store))
        return store


def open_runs(library, store):
    """The runs of automations that have not ended."""
    runs = library.text("renkei_automation_runs", store, c_int64(0), c_uint64(ALL))
    return [run for run in runs if run["state"] in ("reserved", "running")]


def given(text):
    data = text.encode()
    return data, c_size_t(len(data))


# -- The office -------------------------------------------------------------------------------------------------------------


def office(library, path, folder, receiver):
    """Works until it is killed or told to end by a line; says what it was told, a line of JSON each."""
    library = Library(library)
    store = library.open(path)
    network = json.dumps({"allow": ["127.0.0.0/8"]}).encode()
    options = WorkerOptions(
        size=WorkerOptions.rest.offset + 64, retention_ms=RETENTION_MS, senders=4, network=network, network_len=len(network)
    )
    worker = c_void_p()
    library.call("renkei_worker_new", store, byref(options), byref(worker))
    library.call("renkei_worker_start", worker)
    is_over = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.readline(), is_over.set()), daemon=True).start()

    def say(**what):
        print(json.dumps(what), flush=True)

    def start(function, request):
        run = c_int64()
        library.call(function, store, *given(json.dumps(request)), byref(run))
        return run.value

    say(at="ready")
    dice, number = random.Random(os.getpid()), 0
    while not is_over.is_set():
        number += 1
        page = library.text("renkei_query_page", store, *given("cases"), *given('{"limit": 50}'))
        keys = [record["number"] for record in page["records"]]
        token = f"{os.getpid()}-{number}"
        base = {"database": "cases", "list": "short", "memo": token, "token": token}
        try:
            if keys and number % 5 == 0:
                key = dice.choice(keys)
                request = {
                    "trigger": "button", "database": "cases", "list": "short", "automation": "follow",
                    "records": [{"key": key}], "memo": token, "token": token,
                }
                say(at="automation", token=token, key=key, run=start("renkei_automation_start", request))
            elif keys and number % 2:
                keys = dice.sample(keys, min(len(keys), 20))
                request = {**base, "push": "core", "records": [{"key": key} for key in keys]}
                say(at="push", token=token, run=start("renkei_push_start", request))
            elif keys:
                request = {**base, "send": "notice", "trigger": "button", "records": [{"key": dice.choice(keys)}]}
                say(at="http_send", token=token, run=start("renkei_http_send_start", request))
            if number % 20 == 0:
                spec, target = '{"database": "cases", "without_details": true}', os.fsencode(folder / "export.csv")
                library.call("renkei_export_path", store, *given(spec), target, c_size_t(len(target)), None, None)
            if number % 100 == 0:
                copy = folder / "backup.db"
                copy.unlink(missing_ok=True)
                target = os.fsencode(copy)
                size = c_uint64()
                library.call("renkei_store_backup", store, target, c_size_t(len(target)), None, byref(size))
        except Failure as failure:
            # A client was faster, and the record is gone.
            if not any(name in str(failure) for name in ("push_start", "http_send_start", "automation_start")):
                raise
            say(at="refused", why=str(failure))
        if number % 10 == 0:
            metrics = library.text("renkei_delivery_metrics", store)
            say(at="metrics", waiting=metrics["waiting"], failed=metrics["failed"])
        is_over.wait(0.2)
    library.call("renkei_worker_stop", worker)
    library.c.renkei_worker_free(worker)
    library.c.renkei_store_close(store)


def count_rows(path):
    """Says how many rows the tables have that must not grow for ever, each time that a line comes.

    In a process of its own: the SQLite of Python and that of the library do not know of each other's locks, and who closes a
    file loses all of his process.
    """
    store = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=60)
    sql = """SELECT (SELECT count(*) FROM renkei_delivery), (SELECT count(*) FROM renkei_job),
        (SELECT count(*) FROM renkei_event), (SELECT count(*) FROM renkei_job WHERE state = 'failed')"""
    for _ in sys.stdin:
        [counts] = store.execute(sql)
        print(json.dumps(counts), flush=True)


# -- The receiver -----------------------------------------------------------------------------------------------------------


class Receiver(BaseHTTPRequestHandler):
    """Takes messages; one of thirty is refused for now, one of a hundred slow, one of a hundred not answered at all."""

    protocol_version = "HTTP/1.1"
    received = defaultdict(Counter)
    lock = threading.Lock()
    is_kind = False

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        dice = 50 if Receiver.is_kind else random.randrange(100)
        if dice < 3:
            return self.answer(503)
        if dice == 3:
            time.sleep(2)
        with Receiver.lock:
            Receiver.received[self.headers["X-Memo"]][self.headers["webhook-id"]] += 1
        if dice == 4:
            self.close_connection = True
            return None
        return self.answer(200)

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass

    def handle(self):
        try:
            super().handle()
        except (ConnectionError, TimeoutError):
            pass


# -- The host and its clients -----------------------------------------------------------------------------------------------


def blueprint(port):
    document = json.loads((ROOT / "tests/webapi/blueprint.json").read_text())
    everything = ["view", "register", "update", "delete", "import", "export"]
    document["access"] = {"calls_per_minute": None}
    document["users"] = [{"code": "link", "name": "連携用", "rights": {"*": everything}}]
    # A message that is not taken is tried again soon, so that none waits at the end of the run.
    plan = {"delays_seconds": [0, 1, 1, 2, 2, 3, 3, 5, 5, 5, 5, 5, 5]}
    sending = {"retry": plan}
    document["targets"] = [{"code": "receiver", "name": "受信側", "circuit": {"failures": 0}}]
    common = {"database": "cases", "url": f"http://127.0.0.1:{port}/", "sending": {**sending, "target": "receiver"}}
    document["csv_pushes"] = [
        {**common, "code": "core", "name": "基幹", "pairs": [{"key": "X-Memo", "value": "${@memo}"}]}
    ]
    document["http_sends"] = [
        {
            **common, "code": "notice", "name": "通知", "headers": [{"key": "X-Memo", "value": "${@memo}"}],
            "body": {"format": "json", "rows": [{"key": "title", "value": "${title}"}]},
        }
    ]
    for one in document["lists"]:
        if one["code"] == "short":
            one["menu"] = {
                "sub_menu": [{"csv_push": "core"}], "buttons": [{"http_send": "notice"}, {"automation": "follow"}]
            }
    # Each automation counts in the record what it has done for it.
    for one in document["databases"]:
        counters = {"cases": ("greeted", "heard", "followed"), "visits": ("imports",)}.get(one["code"], ())
        one["fields"] += [{"code": code, "name": code, "type": "number"} for code in counters]

    def counts(field):
        return {
            "code": f"count_{field}", "name": "数える",
            "action": {"type": "update", "set": [{"field": field, "from": {"target_formula": f"or({field}, 0) + 1"}}]},
        }

    sends = {"code": "send", "name": "通知", "action": {"type": "http_send", "http_send": "notice"}}
    document["automations"] = [
        {"database": "cases", "code": "greet", "name": "登録時", "triggers": [{"registered": {}}], "parts": [counts("greeted")]},
        {
            "database": "cases", "code": "hear", "name": "変更時", "triggers": [{"updated": {"fields": ["amount"]}}],
            "parts": [counts("heard")],
        },
        {"database": "cases", "code": "follow", "name": "対応", "triggers": ["button"], "parts": [sends, counts("followed")]},
        {
            "database": "visits", "code": "imported", "name": "取込後", "triggers": [{"after_import": {}}],
            "condition": {"field": "number", "op": "one_of", "values": [f"{number:04}" for number in range(20)]},
            "parts": [counts("imports")],
        },
    ]
    return document


class Host:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.words = [program, "--store", folder / "store.db", "--blueprint", folder / "blueprint.json"]
        self.token = subprocess.run([*self.words, "--issue-token", "link"], check=True, capture_output=True, text=True).stdout.split()[-1]
        self.process, self.port = None, None

    def start(self):
        began = time.monotonic()
        words = [*self.words, "--listen", "127.0.0.1:0", "--network-allow", "127.0.0.0/8", "--quiet", "--upload-lines", "100000"]
        log = open(self.folder / "host.log", "a")
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=log, text=True)
        for line in self.process.stdout:
            if "http://" in line:
                self.port = int(line.split("http://")[1].split("/")[0].split(":")[1])
                return time.monotonic() - began
        raise SystemExit(f"the host does not start: see {self.folder / 'host.log'}")

    def kill(self):
        self.process.kill()
        self.process.wait()


class Client(threading.Thread):
    """Does what its dice say, and remembers what it was told: for each of its records the states that it may be in."""

    def __init__(self, number, host, run):
        super().__init__(daemon=True)
        self.number, self.host, self.run_ = number, host, run
        self.dice = random.Random(number)
        self.count = 0
        # By title: key, and the amounts that the record may have; None is gone.
        self.records = {}
        # By title: how often its amount was changed, at least and at most.
        self.changes = defaultdict(lambda: [0, 0])
        self.unsure = set()
        # Imports that have not ended, and their lines; what the others came to.
        self.pending, self.imports, self.lines = [], 0, 0
        self.connection = None

    def post(self, function, body, content_type="application/json"):
        headers = {"X-HD-apitoken": self.host.token, "Content-Type": content_type}
        began = time.monotonic()
        try:
            if self.connection is None or self.connection.port != self.host.port:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.host.port, timeout=30)
            self.connection.request("POST", f"/{ACCOUNT}/{function}/version/v1", body, headers)
            response = self.connection.getresponse()
            data = response.read()
        except (OSError, http.client.HTTPException):
            self.connection = None
            self.run_.note("broken", None)
            time.sleep(0.05)
            return None, None
        self.run_.note(function, time.monotonic() - began)
        if response.status >= 500:
            self.run_.fault(f"{function}: {response.status} {data[:300]!r}")
        return response.status, data

    def call(self, function, query):
        status, data = self.post(function, json.dumps(query).encode())
        return status, json.loads(data) if status else None

    def run(self):
        while not self.run_.is_over.is_set():
            time.sleep(self.dice.random() * PAUSE)
            dice = self.dice.random()
            if dice < 0.25 or len(self.records) < 10:
                self.register() if len(self.records) < KEPT else self.delete()
            elif dice < 0.5:
                self.update()
            elif dice < 0.8:
                self.view()
            elif dice < 0.9:
                self.delete()
            elif dice < 0.95:
                self.export()
            elif dice < 0.98:
                self.ask()
            else:
                self.upload()

    def register(self):
        self.count += 1
        title = f"c{self.number}-{self.count}"
        self.unsure.add(title)
        status, answer = self.call("apirecord/regist", {"dbSchemaId": CASES, "values": {TITLE: title, AMOUNT: "1", STATE: "新規"}})
        if status == 200:
            self.unsure.discard(title)
            self.records[title] = (answer["items"]["keyId"], {1})
        elif status is not None:
            self.run_.fault(f"register of {title}: {status} {answer}")

    def pick(self):
        return self.dice.choice(list(self.records))

    def update(self):
        title = self.pick()
        key, amounts = self.records[title]
        amount = self.dice.randrange(2, 1_000_000)
        is_changed = amounts != {amount}
        self.changes[title][1] += 1
        amounts.add(amount)
        status, _ = self.call("apirecord/update", {"dbSchemaId": CASES, "keyId": key, "values": {AMOUNT: str(amount)}})
        if status == 200:
            self.records[title] = (key, {amount})
            self.changes[title][0] += is_changed
        elif status is not None and None not in amounts:
            self.run_.fault(f"update of {title}: {status}")

    def delete(self):
        title = self.pick()
        key, amounts = self.records[title]
        is_there = None not in amounts
        amounts.add(None)
        status, answer = self.call("apirecord/delete", {"dbSchemaId": CASES, "keyId": key})
        if status is not None:
            if status != 200 and is_there:
                self.run_.fault(f"deletion of {title}: {status} {answer}")
            # It is gone now, or was before.
            self.records.pop(title)
            self.changes.pop(title, None)
            self.run_.gone.add(title)

    def view(self):
        title = self.pick()
        key, amounts = self.records[title]
        status, answer = self.call("apirecord/view", {"dbSchemaId": CASES, "keyId": key, "responseType": 1})
        if status == 200:
            items = answer["items"]
            if items["件名"] != title or round(float(items["金額"])) not in amounts:
                self.run_.fault(f"view of {title}: {items}, not one of {amounts}")
        elif status is not None and None not in amounts:
            self.run_.fault(f"view of {title}: {status} {answer}")

    def export(self):
        status, data = self.post("api/csvexport", json.dumps({"dbSchemaId": CASES, "listId": LIST, "limit": 200}).encode())
        if status is not None and not (status == 200 and data.startswith(b"\xef\xbb\xbf")):
            self.run_.fault(f"export: {status} {data[:300]!r}")

    def upload(self):
        lines = self.dice.randrange(1, 2_000)
        text = "番号,名\r\n" + "".join(f"{self.dice.randrange(3000):04},{self.number}-{self.dice.random()}\r\n" for _ in range(lines))
        if self.dice.random() < 0.3:
            text += "誤,x\r\n"
            lines += 1
        query = json.dumps({"dbSchemaId": VISITS, "importId": HEADED})
        parts = f'--b\r\nContent-Disposition: form-data; name="json"\r\n\r\n{query}\r\n--b\r\nContent-Disposition: form-data; name="uploadFile"; filename="a.csv"\r\n\r\n{text}\r\n--b--\r\n'
        status, data = self.post("api/csvdataimport", parts.encode(), "multipart/form-data; boundary=b")
        if status == 200:
            self.pending.append((json.loads(data)["items"]["processId"], lines))
        elif status is not None:
            self.run_.fault(f"import of {lines} lines: {status} {data[:300]!r}")
        self.ask()

    def ask(self):
        """Asks how the oldest import stands; when it has ended, every line has gone somewhere."""
        if not self.pending:
            return
        process, lines = self.pending[0]
        status, answer = self.call("api/checkcsvimportprocess", {"processId": process})
        if status is None:
            return
        items = answer.get("items", {})
        if status == 200 and items["processStatus"] != "complete" and items["nowCondition"] not in (2, 3):
            return
        self.pending.pop(0)
        self.imports += 1
        self.lines += lines
        if status != 200 or items["nowCondition"] != 2 or int(items["succeedCount"]) + int(items["failureCount"]) != lines:
            self.run_.fault(f"import {process} of {lines} lines: {answer}")


# -- The run ----------------------------------------------------------------------------------------------------------------


class Run:
    def __init__(self):
        self.is_over = threading.Event()
        self.lock = threading.Lock()
        self.times, self.counts = [], Counter()
        self.faults, self.gone = [], set()
        # By function, all of them; and the slowest, with when they ended.
        self.began, self.all_times, self.slowest = time.monotonic(), defaultdict(lambda: array("d")), []

    def note(self, what, seconds):
        with self.lock:
            self.counts[what] += 1
            if seconds is not None:
                self.times.append(seconds)
                self.all_times[what].append(seconds)
                slow = (seconds, round(time.monotonic() - self.began, 1), what)
                (heapq.heappush if len(self.slowest) < SLOWEST else heapq.heappushpop)(self.slowest, slow)

    def fault(self, what):
        with self.lock:
            self.faults.append(what)
        print("fault:", what, flush=True)

    def taken(self):
        with self.lock:
            times, self.times = sorted(self.times), []
        return times

    def response_ms(self):
        """How long the calls of each function took."""
        figures = {}
        for function, times in sorted(self.all_times.items()):
            times = sorted(times)
            at = lambda share: round(times[min(len(times) - 1, int(len(times) * share))] * 1000, 1)
            figures[function] = {"calls": len(times), "p50": at(0.5), "p99": at(0.99), "p99.9": at(0.999), "longest": at(1.0)}
        return figures


class Rows:
    """Counts rows from time to time, and judges whether they are as few as rate and retention make them."""

    NAMES = ("deliveries", "runs", "events")

    def __init__(self, folder, run, kill_every):
        words = [sys.executable, __file__, "--rows", folder / "store.db"]
        self.log = open(folder / "rows.log", "a")
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.run = run
        # So long a row may be kept, in seconds: for the retention, and until the next sweep, and a minute more on a busy machine.
        # It is the office that sweeps by this retention, and it dies with every second host, so that its next sweep may be
        # that of its next life; when it does not live until its first one, nothing is swept.
        self.kept = RETENTION_MS / 1000 + 2 * SWEEP + 60 if 2 * kill_every > SWEEP + 10 else float("inf")
        # The moment, and how much had been made until then.
        self.made = []
        self.latest, self.peaks, self.times = (0, 0, 0), [0, 0, 0], 0

    def note(self, second, told):
        """How much has been made until now, at most: of what was told, and of what nobody was told because somebody died."""
        counts = self.run.counts
        changes = counts["apirecord/regist"] + counts["apirecord/update"] + counts["broken"]
        imports = counts["api/csvdataimport"] + counts["broken"]
        # Every import is a run, and another follows; every press of a button, push or http send is one, and a message. What runs
        # write is an event again.
        self.made.append((second, (told, changes + 2 * imports + told, 2 * changes + imports + told)))

    def limits(self):
        second, made = self.made[-1]
        before = next((then for at, then in reversed(self.made) if at < second - self.kept), (0, 0, 0))
        # What waits is kept too, and what is made while rows are counted.
        return [round((now - then) * 1.1) + 500 for now, then in zip(made, before)]

    def count(self):
        try:
            self.process.stdin.write("\n")
            self.process.stdin.flush()
            *rows, failed = json.loads(self.process.stdout.readline())
        except (OSError, ValueError) as error:
            self.run.fault(f"the rows cannot be counted: {error}, see rows.log")
            return
        self.latest, self.times = tuple(rows), self.times + 1
        for at, (name, count, limit) in enumerate(zip(self.NAMES, rows, self.limits())):
            self.peaks[at] = max(self.peaks[at], count)
            if count > limit:
                self.run.fault(f"{count} {name} are kept, and {limit} were made within the retention")
        if failed:
            self.run.fault(f"{failed} runs have failed")

    def kill(self):
        self.process.kill()


class Office:
    """The office as a process, and what it was told."""

    def __init__(self, library, folder, port, run):
        self.run = run
        self.words = [sys.executable, __file__, "--office", library, folder / "store.db", folder, str(port)]
        self.log = open(folder / "office.log", "a")
        self.told, self.metrics, self.process = [], {}, None

    def start(self):
        self.process = subprocess.Popen(self.words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True)
        threading.Thread(target=self.listen, args=(self.process,), daemon=True).start()

    def listen(self, process):
        for line in process.stdout:
            try:
                said = json.loads(line)
            except ValueError:
                # It was killed in the middle of a line.
                continue
            if said["at"] in ("push", "http_send", "automation"):
                self.told.append(said)
            elif said["at"] == "metrics":
                self.metrics = said
                # However often the receiver refuses, a message is tried again long enough.
                if said["failed"]:
                    self.run.fault(f"{said['failed']} deliveries have failed")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self.process.wait(60)


def size_of(path):
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def memory_of(process):
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS"))
    except (OSError, StopIteration):
        return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--out", type=Path, default=ROOT / "target/soak")
    parser.add_argument("--host")
    parser.add_argument("--library")
    parser.add_argument("--kill-every", type=float, default=60, metavar="SECONDS")
    given_ = parser.parse_args()
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    if given_.host is None:
        subprocess.run(["cargo", "build", "--locked", "--release", "--example", "host"], cwd=ROOT, check=True)
        given_.host = str(target / "release/examples/host")
    if given_.library is None:
        words = ["cargo", "rustc", "--locked", "--release", "--lib", "--features", "capi", "--crate-type", "cdylib"]
        subprocess.run(words, cwd=ROOT, check=True)
        given_.library = str(target / "release/librenkei.so")
    folder = given_.out.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_address[1]
    (folder / "blueprint.json").write_text(json.dumps(blueprint(port), ensure_ascii=False))

    run = Run()
    host = Host(given_.host, folder)
    back_office = Office(given_.library, folder, port, run)
    # Whatever ends this program leaves nobody behind.
    atexit.register(lambda: [one.process.kill() for one in (host, back_office) if one.process is not None])
    host.start()
    back_office.start()
    rows = Rows(folder, run, given_.kill_every)
    atexit.register(rows.kill)
    # Every minute; more often in a run of a few.
    next_count = count_every = max(5.0, min(60.0, given_.minutes * 3))
    clients = [Client(number, host, run) for number in range(CLIENTS)]
    for client in clients:
        client.start()

    began, samples, kills, restarts = time.monotonic(), [], [], []
    next_kill, number = given_.kill_every, 0
    with open(folder / "samples.csv", "w") as out:
        out.write("second,host_bytes,office_bytes,file_bytes,log_bytes,calls,p50_ms,p99_ms,longest_ms,waiting_deliveries,deliveries,runs,events\n")
        while (now := time.monotonic() - began) < given_.minutes * 60:
            time.sleep(max(0.0, len(samples) + 1 - now))
            times = run.taken()
            at = lambda share: times[min(len(times) - 1, int(len(times) * share))] * 1000 if times else 0.0
            sample = (
                round(time.monotonic() - began, 1), memory_of(host.process), memory_of(back_office.process),
                size_of(folder / "store.db"), size_of(folder / "store.db-wal"), len(times),
                round(at(0.5), 2), round(at(0.99), 2), round(at(1.0), 2), back_office.metrics.get("waiting", 0),
                *rows.latest,
            )
            samples.append(sample)
            if sample[4] > LOG_BYTES:
                run.fault(f"the log has {sample[4]} bytes, more than {LOG_BYTES}")
            rows.note(sample[0], len(back_office.told))
            if sample[0] >= next_count:
                next_count += count_every
                rows.count()
            out.write(",".join(map(str, sample)) + "\n")
            out.flush()
            if host.process.poll() is not None:
                run.fault(f"the host ended by itself: {host.process.returncode}")
                host.start()
            if back_office.process.poll() is not None:
                run.fault(f"the office ended by itself: {back_office.process.returncode}")
                back_office.start()
            if now >= next_kill and now < given_.minutes * 60 - 5:
                next_kill += given_.kill_every
                number += 1
                kills.append(now)
                host.kill()
                if number % 2 == 0:
                    back_office.kill()
                restarts.append(host.start())
                if number % 2 == 0:
                    back_office.start()
                print(f"{now / 60:.0f} of {given_.minutes:.0f} minutes, {sum(run.counts.values())} calls, {len(run.faults)} faults", flush=True)

    rows.kill()
    for name, column in (("host", 1), ("office", 2)):
        third = len(samples) // 3
        middle, last = (sum(one[column] for one in part) for part in (samples[third : 2 * third], samples[-third:]))
        if given_.minutes >= GROWTH_MINUTES and last > middle * GROWTH:
            run.fault(f"the memory of the {name} grows: {last // third} bytes on the average, after {middle // third}")

    # Everything that was asked for comes to its end: nobody is refused any more.
    Receiver.is_kind = True
    run.is_over.set()
    for client in clients:
        client.join(60)
    calm = time.monotonic()
    while any(client.pending for client in clients) and time.monotonic() - calm < 120:
        for client in clients:
            client.ask()
        time.sleep(0.05)
    for client in clients:
        for process, _ in client.pending:
            run.fault(f"import {process} does not end")
    back_office.end()
    library = Library(given_.library)
    store = library.open(folder / "store.db")
    # The host works on, until three looks in a row find nothing left: what follows from what was just done begins later.
    still = 0
    while still < 3:
        time.sleep(1)
        metrics = library.text("renkei_delivery_metrics", store)
        waiting = metrics["waiting"]
        still = 0 if waiting or open_runs(library, store) else still + 1
        if time.monotonic() - calm > 240:
            run.fault(f"{waiting} deliveries and the runs {open_runs(library, store)} do not end")
            break
    if metrics["failed"]:
        run.fault(f"{metrics['failed']} deliveries have failed")
    summary = judge(library, store, host, clients, run, back_office, len(kills) // 2)
    host.process.send_signal(signal.SIGTERM)
    host.process.wait(60)
    longest = sorted(sample[7] for sample in samples)
    summary.update(
        minutes=given_.minutes, kills=len(kills), restart_ms=[round(seconds * 1000) for seconds in restarts],
        host_peak_bytes=max(sample[1] for sample in samples), office_peak_bytes=max(sample[2] for sample in samples),
        file_bytes=samples[-1][3], log_peak_bytes=max(sample[4] for sample in samples),
        p99_ms_median=longest[len(longest) // 2], p99_ms_longest=longest[-1], response_ms=run.response_ms(),
        slowest=[f"{seconds * 1000:.0f} ms, {what}, at {at} s" for seconds, at, what in sorted(run.slowest, reverse=True)],
        killed_at=[round(at, 1) for at in kills], rows_counted=rows.times, rows_peak=dict(zip(Rows.NAMES, rows.peaks)),
    )
    (folder / "summary.json").write_text(json.dumps(summary, ensure_ascii=False, indent=1))
    (folder / "soak.svg").write_text(drawn(samples, kills))
    print(json.dumps(summary, ensure_ascii=False, indent=1))
    print(f"see {folder / 'soak.svg'}")
    return 1 if run.faults else 0


def judge(library, store, host, clients, run, back_office, deaths):
    """Compares what everybody was told with what there is."""
    is_sound = c_int32()
    report = library.text("renkei_store_check", store, None, byref(is_sound))
    if not is_sound.value:
        run.fault(f"the store is not sound: {report}")
    page = library.text("renkei_query_page", store, *given("cases"), *given('{"limit": 100000}'))
    failed = [one for one in library.text("renkei_automation_runs", store, c_int64(0), c_uint64(ALL)) if one["state"] == "failed"]
    if failed:
        run.fault(f"{len(failed)} runs of automations have failed: {failed[:3]}")
    pressed = Counter(told["key"] for told in back_office.told if told["at"] == "automation")
    for record in page["records"]:
        greeted, followed = (round(float(record[field] or 0)) for field in ("greeted", "followed"))
        # An office that dies between doing and telling has told nothing.
        if greeted != 1 or not pressed[record["number"]] <= followed <= pressed[record["number"]] + deaths:
            run.fault(f"automations: {record}, pressed {pressed[record['number']]} times")
    # The end of each import is counted in the records that were there then: of the first few, not in those that came later.
    # One of which nobody was told, because the host died, may be there too.
    least = max(1, sum(client.imports for client in clients) - LATE_IMPORTS)
    most = sum(client.imports for client in clients) + run.counts["broken"]
    some = json.dumps({"limit": 20, "sort": [{"field": "number"}]})
    for record in library.text("renkei_query_page", store, *given("visits"), *given(some))["records"]:
        if record["number"] < "0020" and not least <= round(float(record["imports"] or 0)) <= most:
            run.fault(f"automations: {record}, after {least} to {most} imports")
    found = defaultdict(list)
    for record in page["records"]:
        found[record["title"]].append(record)
    for client in clients:
        for title, (key, amounts) in client.records.items():
            there = found.pop(title, [])
            if len(there) > 1 or (not there and None not in amounts):
                run.fault(f"{title} is there {len(there)} times")
            elif there and (there[0]["number"] != key or round(float(there[0]["amount"])) not in amounts):
                run.fault(f"{title} is {there[0]}, not {key} and one of {amounts}")
            least, most = client.changes[title]
            if there and not least <= round(float(there[0]["heard"] or 0)) <= most:
                run.fault(f"automations: {title} is {there[0]}, and was changed {least} to {most} times")
        for title in client.unsure:
            if len(found.pop(title, [])) > 1:
                run.fault(f"{title} is there more than once")
    for title in found:
        run.fault(f"{title} is there, though {'it was deleted' if title in run.gone else 'nobody made it'}")
    duplicates = 0
    keys = {record["number"] for record in page["records"]}
    for told in back_office.told:
        came = Receiver.received.get(told["token"], {})
        # A record that was deleted before its automation came to it is not sent.
        if len(came) != 1 and not (told["at"] == "automation" and not came and told["key"] not in keys):
            run.fault(f"{told}: came as {dict(came)}")
        duplicates += sum(came.values()) - len(came)
    return {
        "calls": sum(run.counts.values()) - run.counts["broken"], "by_function": dict(run.counts), "records": len(page["records"]),
        "imports": sum(client.imports for client in clients), "import_lines": sum(client.lines for client in clients),
        "deliveries_told": sum(told["at"] != "automation" for told in back_office.told),
        "automations_told": pressed.total(), "changes_heard": sum(least for client in clients for least, _ in client.changes.values()),
        "messages_twice": duplicates, "faults": run.faults[:20], "fault_count": len(run.faults), "is_sound": bool(is_sound.value),
    }


# -- The picture ------------------------------------------------------------------------------------------------------------


def drawn(samples, kills):
    panels = [
        ("memory (MiB): host, office", [(1, "#1f77b4"), (2, "#2ca02c")], 1 << 20),
        ("store file (MiB)", [(3, "#9467bd")], 1 << 20),
        ("write-ahead log (MiB)", [(4, "#8c564b")], 1 << 20),
        ("response time (ms, log scale): median, p99", [(6, "#1f77b4"), (7, "#d62728")], None),
        ("calls a second", [(5, "#1f77b4")], 1),
        ("deliveries that wait", [(9, "#ff7f0e")], 1),
        ("rows: deliveries, runs, events", [(10, "#ff7f0e"), (11, "#1f77b4"), (12, "#2ca02c")], 1),
    ]
    width, height, left, gap = 960, 130, 70, 46
    # Of the seconds that fall together in the picture the worst is seen.
    together = -(-len(samples) // (width - left - 20))
    worst = lambda column, values: min(values) if column == 5 else max(values)
    groups = [samples[at : at + together] for at in range(0, len(samples), together)]
    samples = [tuple(worst(*one) for one in enumerate(zip(*group))) for group in groups]
    end = max(sample[0] for sample in samples)
    x = lambda second: left + (width - left - 20) * second / end
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{len(panels) * (height + gap) + 40}" font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    from math import log10

    for at, (title, lines, unit) in enumerate(panels):
        top = 30 + at * (height + gap)
        values = [[max(sample[column], 0.1) if unit is None else sample[column] / unit for sample in samples] for column, _ in lines]
        most = max(max(line) for line in values) or 1
        low, high = (-1.0, log10(most) * 1.05) if unit is None else (0.0, most * 1.05)
        level = lambda value: log10(value) if unit is None else value
        y = lambda value: top + height - height * (level(value) - low) / (high - low)
        out.append(f'<text x="{left}" y="{top - 8}" font-weight="bold">{title}</text>')
        out.append(f'<rect x="{left}" y="{top}" width="{width - left - 20}" height="{height}" fill="none" stroke="#999"/>')
        marks = [10.0**power for power in range(-1, int(high) + 1)] if unit is None else [most * part / 4 for part in range(5)]
        for mark in marks:
            out.append(f'<line x1="{left}" x2="{width - 20}" y1="{y(mark):.1f}" y2="{y(mark):.1f}" stroke="#eee"/>')
            out.append(f'<text x="{left - 6}" y="{y(mark) + 4:.1f}" text-anchor="end">{mark:.4g}</text>')
        for kill in kills:
            out.append(f'<line x1="{x(kill):.1f}" x2="{x(kill):.1f}" y1="{top}" y2="{top + height}" stroke="#f4a6a6" stroke-dasharray="2 3"/>')
        for line, (_, color) in zip(values, lines):
            points = " ".join(f"{x(sample[0]):.1f},{y(value):.1f}" for sample, value in zip(samples, line))
            out.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="1.2"/>')
        for part in range(7):
            second = end * part / 6
            out.append(f'<text x="{x(second):.1f}" y="{top + height + 14}" text-anchor="middle" fill="#555">{second / 60:.1f} min</text>')
    out.append(f'<text x="{left}" y="{len(panels) * (height + gap) + 30}" fill="#a55">dashed: sudden deaths</text></svg>')
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] == "--office":
        office(sys.argv[2], sys.argv[3], Path(sys.argv[4]), sys.argv[5])
    elif len(sys.argv) > 1 and sys.argv[1] == "--rows":
        count_rows(sys.argv[2])
    else:
        sys.exit(main())
