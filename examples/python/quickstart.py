"""The main job, end to end, on real data, in Python: 22,200 offices of Japan Post in Shift_JIS are imported into a store,
looked at, changed, searched and exported. The same story as examples/quickstart.rs. Only ctypes is needed, no build step.

    examples/run.sh python
"""

import ctypes
import json
import os
import sys
from ctypes import POINTER, byref, c_char, c_char_p, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent.parent
ABI_VERSION = 1
ENGLISH = 1
CELL_TEXT = 1

library = ctypes.CDLL(os.environ.get("RENKEI_LIBRARY", "librenkei.so.0.1"))


class Sized(ctypes.Structure):
    """A struct of renkei.h: its size first, everything else 0."""

    def __init__(self, **members):
        super().__init__(size=ctypes.sizeof(self), **members)


class StoreOptions(Sized):
    _fields_ = [
        ("size", c_size_t), ("create", c_uint32), ("synchronous", c_uint32), ("page_bytes", c_uint32),
        ("cache_bytes", c_uint32), ("reader_cache_bytes", c_uint32), ("checkpoint_bytes", c_uint32),
        ("busy_timeout_ms", c_uint64), ("time_zone", c_char_p), ("time_zone_len", c_size_t),
        ("limits", c_uint64 * 8), ("clock", c_void_p), ("random", c_void_p), ("random_user_data", c_void_p),
        ("secret_key", c_void_p), ("secret_key_len", c_size_t), ("secret_key_from", c_void_p),
        ("secret_key_user_data", c_void_p), ("secret_vault", c_void_p), ("secret_vault_user_data", c_void_p),
        ("now", c_void_p), ("now_user_data", c_void_p),
    ]


class WriteOptions(Sized):
    _fields_ = [
        ("size", c_size_t), ("expected_revision", c_int64), ("details", c_uint32), ("key_mode", c_uint32),
        ("leave_dependents", c_uint32), ("approve", c_uint32),
    ]


class Saved(Sized):
    _fields_ = [
        ("size", c_size_t), ("id", c_int64), ("revision", c_int64), ("written", c_uint32), ("key_len", c_uint32),
        ("key", c_char * 1024),
    ]


class ImportRequest(Sized):
    _fields_ = [
        ("size", c_size_t), ("upload", c_int64), ("path", c_char_p), ("path_len", c_size_t), ("token", c_char_p),
        ("token_len", c_size_t), ("run_at", c_int64), ("once_per_content", c_uint32), ("dry_run", c_uint32),
    ]


class Progress(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t), ("process_id", c_int64), ("bytes_total", c_uint64), ("bytes_done", c_uint64),
        ("rows", c_uint64), ("rejected", c_uint64),
    ]


PROGRESS = ctypes.CFUNCTYPE(None, c_void_p, POINTER(Progress))


class WorkerOptions(Sized):
    _fields_ = [
        ("size", c_size_t), ("progress", PROGRESS), ("progress_user_data", c_void_p), ("retention_ms", c_uint64),
        ("senders", c_size_t), ("network", c_char_p), ("network_len", c_size_t), ("resolver", c_void_p),
        ("resolver_user_data", c_void_p), ("http_transport", c_void_p), ("http_transport_user_data", c_void_p),
        ("mail_transport", c_void_p), ("mail_transport_user_data", c_void_p), ("notice", c_void_p),
        ("notice_user_data", c_void_p),
    ]


class Exported(Sized):
    _fields_ = [
        ("size", c_size_t), ("records", c_uint64), ("lines", c_uint64), ("bytes", c_uint64), ("unmapped_count", c_uint64),
    ]


class Cell(ctypes.Structure):
    _fields_ = [
        ("kind", c_uint32), ("scale", c_uint32), ("integer", c_int64), ("text", c_void_p), ("text_len", c_size_t),
    ]

    @property
    def value(self):
        return ctypes.string_at(self.text, self.text_len).decode() if self.kind == CELL_TEXT else self.integer


for name in ["renkei_version", "renkei_error_message", "renkei_error_json"]:
    getattr(library, name).restype = c_char_p


class Error(Exception):
    """What the library refused, with everything it says about it."""

    def __init__(self, handle):
        super().__init__(library.renkei_error_message(handle, c_uint32(ENGLISH), None).decode())
        self.details = json.loads(library.renkei_error_json(handle, None))
        library.renkei_error_free(handle)


def call(function, *arguments):
    """Calls a function of renkei.h: texts become a pointer and a length, and a failure an exception."""
    given = []
    for argument in arguments:
        if isinstance(argument, (str, bytes)):
            text = argument.encode() if isinstance(argument, str) else argument
            given += [c_char_p(text), c_size_t(len(text))]
        elif isinstance(argument, int):
            given.append(c_int64(argument))
        else:
            given.append(argument)
    error = c_void_p()
    if getattr(library, "renkei_" + function)(*given, byref(error)) != 0:
        raise Error(error)


def handle(function, *arguments):
    made = c_void_p()
    call(function, *arguments, byref(made))
    return made


def document(function, *arguments):
    """Calls a function that gives JSON."""
    text, length = c_void_p(), c_size_t()
    call(function, *arguments, byref(text), byref(length))
    try:
        return json.loads(ctypes.string_at(text, length.value))
    finally:
        library.renkei_free(text)


def rows(store, database, columns, query):
    """Lines of columns, read without JSON."""
    cursor = handle("rows_open", store, database, json.dumps(columns), json.dumps(query))
    try:
        has_row, cells, count = c_int32(), POINTER(Cell)(), c_size_t()
        while True:
            call("rows_next", cursor, byref(has_row))
            if not has_row.value:
                return
            call("rows_cells", cursor, byref(cells), byref(count))
            yield [cells[at].value for at in range(count.value)]
    finally:
        library.renkei_rows_close(cursor)


def count(store, database, condition):
    found = c_uint64()
    call("query_count", store, database, json.dumps(condition), byref(found))
    return found.value


def main():
    if library.renkei_abi_version() != ABI_VERSION:
        sys.exit(f"this program is made for ABI {ABI_VERSION}, the library has {library.renkei_abi_version()}")
    output = EXAMPLES / "output"
    output.mkdir(exist_ok=True)
    path, csv = output / "quickstart-py.db", EXAMPLES / "data/offices_cp932.csv"
    for suffix in ["", "-wal", "-shm", "-turn"]:
        Path(f"{path}{suffix}").unlink(missing_ok=True)

    print("1. A store, and what it is to hold")
    host = handle("store_open", str(path), byref(StoreOptions(create=1)))
    for change in document("blueprint_apply", host, (EXAMPLES / "data/offices.json").read_text("utf-8")):
        print(f"   {change['kind']} \"{change['code']}\": {change['what']}")

    print(f"2. The import of {csv} is reserved, and run")
    store = handle("store_as_user", host, "clerk")
    process, existed, ran = c_int64(), c_int32(), c_uint64()
    request = ImportRequest(path=str(csv).encode(), path_len=len(str(csv).encode()))
    call("import_reserve", store, "offices", "monthly", byref(request), byref(process), byref(existed))

    @PROGRESS
    def show(_, progress):
        at = progress.contents
        print(f"\r   {at.bytes_done * 100 // max(at.bytes_total, 1):3} %, {at.rows} lines", end="", flush=True)

    worker = handle("worker_new", store, byref(WorkerOptions(progress=show)))
    call("worker_run_until_idle", worker, byref(ran))
    library.renkei_worker_free(worker)
    status = document("import_status_json", store, process)
    print(f"\r   {status['state']}: {status['total']} lines, {status['inserted']} new, {status['rejected']} refused")

    print("3. A record is registered, updated with detail rows, viewed and deleted")
    saved = Saved()
    values = {
        "number": "9999999", "name": "連携商事　東京本社", "prefecture": "東京都", "kind": "office",
        "details": [{"visited": "2026/01/15", "report": "初回訪問", "cost": 1200}],
    }
    call("record_register_json", store, "offices", json.dumps(values), None, byref(saved))
    print(f"   registered: key {saved.key.decode()}, record id {saved.id}, revision {saved.revision}")
    values = {"city": "千代田区", "details": [{"visited": "2026/02/20", "report": "見積提出\n来月再訪", "cost": "3400"}]}
    expected = WriteOptions(expected_revision=saved.revision)
    call("record_update_json", store, "offices", "9999999", 0, json.dumps(values), byref(expected), byref(saved))
    record = document("record_view_json", store, "offices", "9999999", 0)
    print(
        f"   viewed at revision {saved.revision}: {record['name']} ({record['city']}), "
        f"{len(record['details'])} visits, {record['spent']} spent"
    )
    try:
        values = {"kind": "warehouse", "jis": "十三"}
        call("record_update_json", store, "offices", "9999999", 0, json.dumps(values), None, None)
    except Error as refused:
        print("   refused, with every reason at once:")
        for violation in refused.details["violations"]:
            print(f"     [{violation['code']}] {violation['message']['ja']}")
    deleted = c_int64()
    call("record_delete", store, "offices", "9999999", 0, 0, byref(deleted))
    print("   deleted")

    print("4. Searches")
    shimbun = {"field": "name", "op": "contains", "value": "新聞"}
    for number, name in rows(store, "offices", ["number", "name"], {"condition": shimbun, "limit": 3}):
        print(f"   {number} {name}")
    print(f"   {count(store, 'offices', shimbun)} offices have 新聞 in their name")
    hokkaido = {"field": "prefecture", "op": "equals", "value": "北海道"}
    print(f"   {count(store, 'offices', hokkaido)} are in 北海道")

    print('5. The list "addresses" is exported, for people to open in a spreadsheet')
    export = {
        "database": "offices", "list": "addresses", "search": "hokkaido", "values": "csv",
        "format": {"encoding": "utf-8-bom", "formula_guard": True},
    }
    exported, out = Exported(), output / "addresses-py.csv"
    call("export_path", store, json.dumps(export), str(out), None, byref(exported))
    print(f"   {exported.records} records, {exported.bytes} bytes")

    library.renkei_store_close(store)
    library.renkei_store_close(host)
    print(f"The store is {path}: open it with any SQLite tool, and look at the view offices__view.")
    print(f"The exported list is {out}.")


if __name__ == "__main__":
    try:
        main()
    except Error as error:
        sys.exit(f"error: {error}")
