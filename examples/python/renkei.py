"""renkei.h for Python, by ctypes alone: no build step, nothing to install but the shared library.

    with renkei.Store("shop.db", create=True) as store:
        store.apply({"databases": [...]})
        saved = store.register("items", {"code": "A-1", "name": "りんご"})
        for code, name in store.rows("items", ["code", "name"]):
            print(code, name)

Documents are what Python has for JSON; whatever fails raises Error. A store may be used by any number of threads at once,
and calls do not hold Python's lock. What has no method here is called by its name in renkei.h, without "renkei_":

    store.document("import_all", 10)       # a function that gives JSON
    store.call("import_cancel", process)   # one that gives nothing
    store.value(c_uint64, "query_count", "items", None)

Copy this file into a program of yours, and take away or add what it needs. The library is the one that RENKEI_LIBRARY names,
or else the one that the system finds.
"""

import ctypes
import datetime
import decimal
import json
import os
import time
import weakref
from ctypes import POINTER, byref, c_char, c_char_p, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p

ABI_VERSION = 1
_JAPANESE, _ENGLISH = 0, 1
_CELL_NULL, _CELL_NUMBER, _CELL_DATE, _CELL_DATETIME, _CELL_TIME = 0, 2, 3, 4, 5
_EPOCH = datetime.datetime(1970, 1, 1)

_library = ctypes.CDLL(os.environ.get("RENKEI_LIBRARY", "librenkei.so.0.1"))
if _library.renkei_abi_version() != ABI_VERSION:
    raise ImportError(f"renkei.py is made for ABI {ABI_VERSION}, the library has {_library.renkei_abi_version()}")
for _name in ["renkei_version", "renkei_error_code", "renkei_error_message", "renkei_error_json"]:
    getattr(_library, _name).restype = c_char_p


class Struct(ctypes.Structure):
    """A struct of renkei.h: its size first, everything else 0 unless it is given."""

    def __init__(self, **members):
        super().__init__(size=ctypes.sizeof(self), **members)


class StoreOptions(Struct):
    _fields_ = [
        ("size", c_size_t), ("create", c_uint32), ("synchronous", c_uint32), ("page_bytes", c_uint32),
        ("cache_bytes", c_uint32), ("reader_cache_bytes", c_uint32), ("checkpoint_bytes", c_uint32),
        ("busy_timeout_ms", c_uint64), ("time_zone", c_char_p), ("time_zone_len", c_size_t),
        ("limit_file_bytes", c_uint64), ("limit_import_rows", c_uint64), ("limit_csv_columns", c_uint64),
        ("limit_cell_bytes", c_uint64), ("limit_line_bytes", c_uint64), ("limit_rejects", c_uint64),
        ("limit_detail_rows", c_uint64), ("limit_page_records", c_uint64), ("limit_automation_records", c_uint64),
        ("limit_automation_parts", c_uint64), ("limit_automation_seconds", c_uint64), ("clock", c_void_p),
        ("random", c_void_p), ("random_user_data", c_void_p), ("secret_key", c_char_p), ("secret_key_len", c_size_t),
        ("secret_key_from", c_void_p), ("secret_key_user_data", c_void_p), ("secret_vault", c_void_p),
        ("secret_vault_user_data", c_void_p), ("now", c_void_p), ("now_user_data", c_void_p),
    ]


class WriteOptions(Struct):
    _fields_ = [
        ("size", c_size_t), ("expected_revision", c_int64), ("details", c_uint32), ("key_mode", c_uint32),
        ("leave_dependents", c_uint32), ("approve", c_uint32),
    ]


class Saved(Struct):
    """What a write came to: id, key, revision."""

    _fields_ = [
        ("size", c_size_t), ("id", c_int64), ("revision", c_int64), ("written", c_uint32), ("key_len", c_uint32),
        ("_key", c_char * 1024),
    ]

    @property
    def key(self):
        return self._key.decode()

    def __repr__(self):
        return f"Saved(key={self.key!r}, id={self.id}, revision={self.revision})"


class ImportRequest(Struct):
    _fields_ = [
        ("size", c_size_t), ("upload", c_int64), ("path", c_char_p), ("path_len", c_size_t), ("token", c_char_p),
        ("token_len", c_size_t), ("run_at", c_int64), ("once_per_content", c_uint32), ("dry_run", c_uint32),
    ]


class ImportProgress(Struct):
    _fields_ = [
        ("size", c_size_t), ("process_id", c_int64), ("bytes_total", c_uint64), ("bytes_done", c_uint64),
        ("rows", c_uint64), ("rejected", c_uint64),
    ]


_PROGRESS = ctypes.CFUNCTYPE(None, c_void_p, POINTER(ImportProgress))
_TRANSPORT = ctypes.CFUNCTYPE(None, c_void_p, c_void_p)


class WorkerOptions(Struct):
    _fields_ = [
        ("size", c_size_t), ("progress", _PROGRESS), ("progress_user_data", c_void_p), ("retention_ms", c_uint64),
        ("senders", c_size_t), ("network", c_char_p), ("network_len", c_size_t), ("resolver", c_void_p),
        ("resolver_user_data", c_void_p), ("http_transport", _TRANSPORT), ("http_transport_user_data", c_void_p),
        ("mail_transport", _TRANSPORT), ("mail_transport_user_data", c_void_p), ("notice", c_void_p),
        ("notice_user_data", c_void_p),
    ]


class Exported(Struct):
    """What an export wrote: records, lines, bytes, unmapped_count."""

    _fields_ = [
        ("size", c_size_t), ("records", c_uint64), ("lines", c_uint64), ("bytes", c_uint64), ("unmapped_count", c_uint64),
    ]


class Cell(ctypes.Structure):
    _fields_ = [
        ("kind", c_uint32), ("scale", c_uint32), ("integer", c_int64), ("text", c_void_p), ("text_len", c_size_t),
    ]

    @property
    def value(self):
        """None, or what Python has for it: str, int, Decimal, date, datetime, time; for a file its id."""
        if self.kind == _CELL_NULL:
            return None
        if self.text:
            return ctypes.string_at(self.text, self.text_len).decode()
        if self.kind == _CELL_NUMBER and self.scale:
            return decimal.Decimal(self.integer).scaleb(-self.scale)
        if self.kind == _CELL_DATE:
            return (_EPOCH + datetime.timedelta(days=self.integer)).date()
        if self.kind == _CELL_DATETIME:
            return _EPOCH + datetime.timedelta(seconds=self.integer)
        if self.kind == _CELL_TIME:
            return (_EPOCH + datetime.timedelta(seconds=self.integer)).time()
        return self.integer


class Error(Exception):
    """What the library refused: its code, and in details everything that it says about it."""

    def __init__(self, handle):
        super().__init__(_library.renkei_error_message(handle, c_uint32(_ENGLISH), None).decode())
        self.code = _library.renkei_error_code(handle, None).decode()
        self.message_ja = _library.renkei_error_message(handle, c_uint32(_JAPANESE), None).decode()
        self.details = json.loads(_library.renkei_error_json(handle, None))
        _library.renkei_error_free(handle)

    @property
    def violations(self):
        """Every value that was refused, each with field, code, and message in ja and en."""
        return self.details.get("violations", [])


def call(function, *arguments):
    """Calls a function of renkei.h. A text becomes a pointer and a length, a list or dict JSON, None as a text is NULL."""
    given = []
    for argument in arguments:
        if isinstance(argument, (dict, list)):
            argument = json.dumps(argument, default=_written)
        if isinstance(argument, (str, bytes)):
            text = argument.encode() if isinstance(argument, str) else argument
            given += [c_char_p(text), c_size_t(len(text))]
        elif argument is None:
            given += [None, c_size_t(0)]
        elif isinstance(argument, int):
            given.append(c_int64(argument))
        else:
            given.append(argument)
    error = c_void_p()
    if getattr(_library, "renkei_" + function)(*given, byref(error)) != 0:
        raise Error(error)


def _written(value):
    """As documents have what Python has types of its own for, and rows() gives."""
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    raise TypeError(f"a document takes no {type(value).__name__}: {value!r}")


def value(kind, function, *arguments):
    """As call, of a function whose last output is a number or a handle of a C type."""
    found = kind()
    call(function, *arguments, byref(found))
    return found if kind is c_void_p else found.value


def data(function, *arguments, behind=()):
    """As call, of a function that gives bytes, before what stands behind; None where it gives NULL."""
    memory, length = c_void_p(), c_size_t()
    call(function, *arguments, byref(memory), byref(length), *behind)
    if not memory:
        return None
    try:
        return ctypes.string_at(memory, length.value)
    finally:
        _library.renkei_free(memory)


def document(function, *arguments):
    """As data, of a function that gives JSON."""
    given = data(function, *arguments)
    return None if given is None else json.loads(given)


class Handle:
    """Something of the library that is closed at the end of a with, or when nobody has it any more."""

    def __init__(self, handle, close):
        self._as_parameter_ = handle
        self.close = weakref.finalize(self, getattr(_library, "renkei_" + close), handle)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def call(self, function, *arguments):
        call(function, self, *arguments)

    def value(self, kind, function, *arguments):
        return value(kind, function, self, *arguments)

    def document(self, function, *arguments):
        return document(function, self, *arguments)


class _Null:
    """NULL for what has no length behind it."""

    _as_parameter_ = None


NULL = _Null()


class Outgoing:
    """A message on its way, while a transport of yours carries it: look at it, and tell what was answered."""

    def __init__(self, handle):
        self._as_parameter_ = c_void_p(handle)

    @property
    def headers(self):
        """Names in lower case and values, in order. A mail has its receivers in "rcpt-to"."""
        found, texts = [], [c_void_p(), c_size_t(), c_void_p(), c_size_t()]
        while True:
            try:
                call("outgoing_header", self, len(found), *map(byref, texts))
            except Error as error:
                if error.code != "argument":
                    raise
                return found
            name, name_len, text, text_len = (text.value for text in texts)
            found.append((ctypes.string_at(name, name_len).decode(), ctypes.string_at(text, text_len).decode()))

    def read(self, size=1 << 16):
        """At most so many bytes of the body; none at its end."""
        buffer = ctypes.create_string_buffer(size)
        count = value(c_size_t, "outgoing_read", self, buffer, size)
        return buffer.raw[:count]

    def read_all(self):
        """The rest of the body."""
        return b"".join(iter(self.read, b""))

    def answer(self, status, body=b""):
        """The receiver answered."""
        call("outgoing_answer", self, status)
        call("outgoing_answer_body", self, body)


def _target(record):
    """Which record is meant: a text is a key, a number an id."""
    return (record, 0) if isinstance(record, str) else (None, record)


def _automation(trigger, database, automation, keys, more):
    request = {"trigger": trigger, "database": database, "automation": automation, **more}
    return request if keys is None else {**request, "records": [{"key": key} for key in keys]}


class Store(Handle):
    """An open store, or a view of one. secret_key is 32 bytes, for those who keep secrets."""

    def __init__(self, path, create=False, secret_key=None):
        options = StoreOptions(create=create, secret_key=secret_key, secret_key_len=len(secret_key or b""))
        super().__init__(value(c_void_p, "store_open", str(path), byref(options)), "store_close")

    @classmethod
    def _view(cls, handle):
        view = cls.__new__(cls)
        Handle.__init__(view, handle, "store_close")
        return view

    def as_user(self, user):
        return Store._view(self.value(c_void_p, "store_as_user", user))

    # Definitions.

    def apply(self, blueprint):
        """Makes the store as a blueprint says; the changes that were made."""
        return self.document("blueprint_apply", blueprint)

    def plan(self, blueprint):
        return self.document("blueprint_plan", blueprint)

    def blueprint(self):
        return self.document("blueprint_dump")

    # Records.

    def register(self, database, values):
        return self._write("record_register_json", database, values)

    def update(self, database, record, values, expected_revision=0):
        options = WriteOptions(expected_revision=expected_revision)
        return self._write("record_update_json", database, *_target(record), values, options=options)

    def upsert(self, database, values):
        return self._write("record_upsert_json", database, values)

    def _write(self, function, *arguments, options=None):
        saved = Saved()
        self.call(function, *arguments, byref(options) if options else NULL, byref(saved))
        return saved

    def delete(self, database, record, expected_revision=0):
        return self.value(c_int64, "record_delete", database, *_target(record), expected_revision)

    def view(self, database, record):
        return self.document("record_view_json", database, *_target(record))

    def query(self, database, query=None):
        """A page of records: see `Query` in the documentation of the Rust crate."""
        return self.document("query_page", database, query)

    def count(self, database, condition=None):
        return self.value(c_uint64, "query_count", database, condition)

    def aggregate(self, database, aggregation):
        return self.document("query_aggregate", database, aggregation)

    def run_aggregation(self, database, aggregation):
        """The table of a saved aggregation."""
        return self.document("aggregation_run", database, aggregation)

    def rows(self, database, columns, query=None):
        """Lines of columns, read without JSON, however many there are."""
        with Handle(self.value(c_void_p, "rows_open", database, columns, query), "rows_close") as cursor:
            cells, count = POINTER(Cell)(), c_size_t()
            while cursor.value(c_int32, "rows_next"):
                cursor.call("rows_cells", byref(cells), byref(count))
                yield [cells[at].value for at in range(count.value)]

    # Imports and exports.

    def upload(self, name, data):
        return self.value(c_int64, "upload_put", name, data)

    def reserve_import(self, database, setting, path=None, upload=0, token=None, dry_run=False):
        """Reserves an import of a file or an upload; its process id."""
        path, token = (text and str(text).encode() for text in (path, token))
        request = ImportRequest(
            upload=upload, path=path, path_len=len(path or b""), token=token, token_len=len(token or b""), dry_run=dry_run
        )
        process, existed = c_int64(), c_int32()
        self.call("import_reserve", database, setting, byref(request), byref(process), byref(existed))
        return process.value

    def import_status(self, process):
        return self.document("import_status_json", process)

    def rejects(self, process, skip=0, limit=1000):
        return self.document("import_rejects", process, skip, limit)

    def export_to_path(self, export, path):
        exported = Exported()
        self.call("export_path", export, str(path), NULL, byref(exported))
        return exported

    def export(self, export):
        """An export in memory, as bytes."""
        return data("export_memory", self, export, NULL, behind=[NULL])

    # What leaves the store.

    def push(self, database, list, push, **more):
        """Starts a CSV push from the sub-menu of a list; the id of its run."""
        return self.value(c_int64, "push_start", {"database": database, "list": list, "push": push, **more})

    def push_status(self, run):
        return self.document("push_status_json", run)

    def http_send(self, trigger, database, list, send, keys, **more):
        """Starts an http send by a "button" or a "pulldown"; the id of its run."""
        request = {"trigger": trigger, "database": database, "list": list, "send": send, **more}
        return self.value(c_int64, "http_send_start", {**request, "records": [{"key": key} for key in keys]})

    def http_send_status(self, run):
        return self.document("http_send_status_json", run)

    def start_automation(self, trigger, database, automation, keys=None, **more):
        """Starts an automation from a list ("button", "pulldown", "sub_menu", with list=), by "settings_screen" or by "api", for
        records by their keys, or all it is for; the id of its run."""
        return self.value(c_int64, "automation_start", _automation(trigger, database, automation, keys, more))

    def plan_automation(self, trigger, database, automation, keys=None, **more):
        """What that would do, without doing it."""
        return self.document("automation_plan", _automation(trigger, database, automation, keys, more))

    def automation_status(self, run):
        return self.document("automation_status_json", run)

    def wait_automation(self, run, seconds):
        """Waits until a run has ended, or the time is over; how it stands then. A worker must run it meanwhile."""
        until = time.monotonic() + seconds
        while True:
            status = self.automation_status(run)
            if status["ended_at"] is not None or time.monotonic() > until:
                return status
            time.sleep(0.02)

    def automation_entries(self, run, limit=1000):
        """The journal of a run: what each part did for each record."""
        return self.document("automation_entries", run, 0, 0, limit)

    def automation_runs(self, automation=0, limit=100):
        """The latest runs, newest first: of one automation by its id, or of all."""
        return self.document("automation_runs", automation, limit)

    def cancel_automation(self, run):
        self.call("automation_cancel", run)

    def receive_mail(self, database, automation, mail):
        """Takes in a mail, {"from", "subject", "text", "message_id"}, for an automation; the id of its run."""
        return self.value(c_int64, "automation_receive_mail", database, automation, mail)

    def send_mail(self, server, subject, to, text="", **more):
        """Queues a mail; the id of its delivery."""
        return self.value(c_int64, "mail_send", {"server": server, "subject": subject, "to": to, "text": text, **more})

    def send_mail_about(self, database, template, record):
        """Queues the mail of a template about a record; the id of its delivery."""
        return self.value(c_int64, "mail_send_about", database, template, *_target(record))

    def notice_mail_status(self, database, notice_mail):
        return self.document("notice_mail_status", database, notice_mail)

    def can_send_mail(self, server):
        """Whether the library was built with the feature mail: one that was finds a mail to nobody wrong."""
        try:
            self.send_mail(server, "", [])
        except Error as error:
            return error.code != "mail.feature"
        return True

    def delivery_status(self, delivery):
        return self.document("delivery_status_json", delivery)

    # Work.

    def run_until_idle(self, progress=None, network=None):
        """Runs everything that is due, on this thread; how many things. progress is called with an ImportProgress, network
        says which addresses may be called beyond the public internet: {"allow": ["10.1.0.0/16"]}."""
        with Worker(self, progress, network) as worker:
            return worker.run_until_idle()


class Worker(Handle):
    """Runs the work of a store: on this thread by run_until_idle, or from start to stop on threads of its own. http_transport
    and mail_transport, if they are given, carry each message themselves: they are called with an Outgoing."""

    def __init__(self, store, progress=None, network=None, http_transport=None, mail_transport=None):
        network = json.dumps(network).encode() if network else None
        # Kept as long as the worker: the library calls them.
        self._progress = _PROGRESS((lambda _, at: progress(at.contents)) if progress else 0)
        self._http, self._mail = (
            _TRANSPORT((lambda _, message, carry=carry: carry(Outgoing(message))) if carry else 0)
            for carry in (http_transport, mail_transport)
        )
        options = WorkerOptions(
            progress=self._progress, network=network, network_len=len(network or b""), http_transport=self._http,
            mail_transport=self._mail,
        )
        super().__init__(store.value(c_void_p, "worker_new", byref(options)), "worker_free")

    def run_until_idle(self):
        return self.value(c_uint64, "worker_run_until_idle")

    def start(self):
        self.call("worker_start")

    def stop(self):
        self.call("worker_stop")
