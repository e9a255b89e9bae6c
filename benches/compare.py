#!/usr/bin/env python3
"""Imports and exports against what one would use otherwise, in turn, on the same file.

    python3 benches/compare.py [--rows 1000000] [--rounds 5] [--only import,cp932,upsert,export] [--work DIR]

Needs cargo and sqlite3; DuckDB is compared where `pip install duckdb` was done. Every command is timed as a whole
process: wall seconds and peak memory as the system accounts them. Tools take turns within a round, and the ratio is
taken round by round; the table shows medians.
"""

import argparse
import importlib.util
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)

COLUMNS = "number, name, kana, mail, phone, postal, rank, address, points, balance, birthday, updated, note"
TABLE = """CREATE TABLE customers (number TEXT UNIQUE, name TEXT, kana TEXT, mail TEXT, phone TEXT, postal TEXT, rank TEXT,
    address TEXT, points INTEGER, balance {real}, birthday {date}, updated {time}, note TEXT);"""


def build(*words):
    """Builds one target in release mode and tells where it is."""
    import json

    out = subprocess.run(["cargo", *words, "--message-format=json"], cwd=ROOT, check=True, stdout=subprocess.PIPE)
    found = [json.loads(line) for line in out.stdout.splitlines()]
    return [item["executable"] for item in found if item.get("executable")][-1]


def timed(command, **more):
    """Wall seconds and peak memory in MiB of one run."""
    began = time.monotonic()
    child = subprocess.Popen(command, stdout=more.pop("stdout", subprocess.DEVNULL), **more)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - began
    if child.returncode != 0:
        sys.exit(f"failed: {command}")
    return seconds, usage.ru_maxrss / 1024


def remove(path):
    for suffix in ("", "-wal", "-shm", "-turn"):
        try:
            os.remove(path + suffix)
        except FileNotFoundError:
            pass


class Race:
    """Several tools on the same work, in turn."""

    def __init__(self, title, tools):
        self.title, self.tools = title, tools

    def run(self, rounds):
        results = {name: [] for name, _ in self.tools}
        for number in range(rounds):
            for name, tool in self.tools:
                results[name].append(tool())
            print(f"  {self.title}: round {number + 1} of {rounds}", file=sys.stderr)
        ours = results[self.tools[0][0]]
        for name, _ in self.tools:
            runs = results[name]
            ratio = statistics.median(other[0] / own[0] for other, own in zip(runs, ours))
            print(
                f"| {self.title} | {name} | {statistics.median(run[0] for run in runs):.2f} | "
                f"{ratio:.2f} | {max(run[1] for run in runs):.0f} |",
                flush=True,
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="import,cp932,upsert,export")
    parser.add_argument("--work")
    options = parser.parse_args()
    only = options.only.split(",")
    work = options.work or tempfile.mkdtemp(prefix="renkei-compare-")
    os.makedirs(work, exist_ok=True)
    place = lambda name: os.path.join(work, name)

    tool = build("build", "--release", "--example", "import_export")
    generate = build("bench", "--bench", "generate", "--no-run")
    plain = build("bench", "--bench", "plain", "--no-run")
    # Not imported here: the memory of this process is counted as that of its children.
    has_duckdb = importlib.util.find_spec("duckdb") is not None

    utf8, cp932, changed = place("customers.csv"), place("customers_cp932.csv"), place("changed.csv")
    rows = ["--rows", str(options.rows)]
    if not os.path.exists(utf8):
        subprocess.run([generate, *rows, "--out", utf8], check=True)
    if "cp932" in only or "export" in only:
        subprocess.run([generate, *rows, "--encoding", "cp932", "--out", cp932], check=True)
    if "upsert" in only:
        subprocess.run([generate, *rows, "--changed", "10", "--out", changed], check=True)
    definition = os.path.join(HERE, "customers", "definition.json")

    def ours(store, csv, encoding="utf-8", fresh=True, more=()):
        if fresh:
            remove(store)
        return timed([tool, "--store", store, "--definition", definition, "--csv", csv, "--encoding", encoding,
                      "--quiet", *more])

    def shell_import():
        store = place("shell.db")
        remove(store)
        script = "PRAGMA journal_mode=WAL;\n" + TABLE.format(real="REAL", date="TEXT", time="TEXT")
        script += f"\nCREATE INDEX phone ON customers (phone);\n.mode csv\n.import --skip 1 {utf8} customers\n"
        with open(place("import.sql"), "w") as file:
            file.write(script)
        with open(place("import.sql")) as file:
            return timed(["sqlite3", store], stdin=file)

    def duck_import():
        store = place("duck.db")
        remove(store)
        remove(store + ".wal")
        table = TABLE.format(real="DECIMAL(18, 2)", date="DATE", time="TIMESTAMP").replace("UNIQUE", "PRIMARY KEY")
        code = f"""import duckdb
db = duckdb.connect({store!r})
db.execute({table!r})
db.execute("CREATE INDEX phone ON customers (phone)")
db.execute("COPY customers FROM '{utf8}' (HEADER, NULLSTR '\\\\N')")
db.close()"""
        return timed([sys.executable, "-c", code])

    def plain_upsert(csv, base):
        store = place("plain_run.db")
        remove(store)
        shutil.copy(base, store)
        return timed([plain, "upsert", store, csv])

    def ours_upsert(csv, base):
        store = place("ours_run.db")
        remove(store)
        shutil.copy(base, store)
        return ours(store, csv, fresh=False)

    cores = os.cpu_count()
    print(f"{options.rows:,} rows, {os.path.getsize(utf8) / 1e6:.0f} MB, {options.rounds} rounds; "
          f"{platform.machine()}, {cores} cores, {platform.system()}; {time.strftime('%Y-%m-%d')}\n")
    print("| work | tool | seconds | ours is faster by | peak MiB |\n| --- | --- | --- | --- | --- |", flush=True)

    store = place("ours.db")
    if "import" in only:
        tools = [("renkei, upsert", lambda: ours(store, utf8)), ("sqlite3 .import", shell_import)]
        if has_duckdb:
            tools.append(("DuckDB COPY", duck_import))
        Race("import", tools).run(options.rounds)
    if "cp932" in only:
        tools = [
            ("renkei, UTF-8", lambda: ours(store, utf8)),
            ("renkei, cp932", lambda: ours(place("ours_cp932.db"), cp932, "cp932")),
        ]
        Race("import of cp932", tools).run(options.rounds)
    if "upsert" in only:
        base, plain_base = place("base.db"), place("plain_base.db")
        ours(base, utf8)
        remove(plain_base)
        subprocess.run([plain, "upsert", plain_base, utf8], check=True)
        tools = [
            ("renkei, upsert", lambda: ours_upsert(changed, base)),
            ("rusqlite ON CONFLICT", lambda: plain_upsert(changed, plain_base)),
        ]
        Race("upsert, 10 % changed", tools).run(options.rounds)
    if "export" in only:
        if not os.path.exists(store):
            ours(store, utf8)
        shell = place("shell.db")
        if not os.path.exists(shell):
            shell_import()
        export = build("bench", "--bench", "export", "--no-run")
        select = f"SELECT {COLUMNS} FROM customers ORDER BY rowid"
        tools = [
            ("renkei", lambda: timed([export, store, "customers", place("out.csv"), "utf-8"])),
            ("sqlite3 -csv", lambda: timed(f"exec sqlite3 -csv -header {shell} '{select}' > {place('out2.csv')}", shell=True)),
        ]
        Race("export", tools).run(options.rounds)
        pipe = f"sqlite3 -csv -header {shell} '{select}' | iconv -f utf-8 -t cp932 > {place('out2.csv')}"
        tools = [
            ("renkei, cp932", lambda: timed([export, store, "customers", place("out.csv"), "cp932"])),
            ("sqlite3 -csv, iconv", lambda: timed(pipe, shell=True)),
        ]
        Race("export of cp932", tools).run(options.rounds)
    if not options.work:
        shutil.rmtree(work)


main()
