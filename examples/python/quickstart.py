"""The main job, end to end, on real data, in Python: 22,200 offices of Japan Post in Shift_JIS are imported into a store,
looked at, changed, searched and exported. The same story as examples/quickstart.rs; renkei.py beside it is all that is needed.

    examples/run.sh python
"""

import sys
from pathlib import Path

from renkei import Error, Store

EXAMPLES = Path(__file__).resolve().parent.parent


def main():
    output = EXAMPLES / "output"
    output.mkdir(exist_ok=True)
    path, csv = output / "quickstart-py.db", EXAMPLES / "data/offices_cp932.csv"
    for suffix in ["", "-wal", "-shm", "-turn"]:
        Path(f"{path}{suffix}").unlink(missing_ok=True)

    print("1. A store, and what it is to hold")
    host = Store(path, create=True)
    for change in host.apply((EXAMPLES / "data/offices.json").read_text("utf-8")):
        print(f"   {change['kind']} \"{change['code']}\": {change['what']}")

    print(f"2. The import of {csv} is reserved, and run")
    store = host.as_user("clerk")
    process = store.reserve_import("offices", "monthly", path=csv)

    def show(at):
        print(f"\r   {at.bytes_done * 100 // max(at.bytes_total, 1):3} %, {at.rows} lines", end="", flush=True)

    store.run_until_idle(progress=show)
    status = store.import_status(process)
    print(f"\r   {status['state']}: {status['total']} lines, {status['inserted']} new, {status['rejected']} refused")

    print("3. A record is registered, updated with detail rows, viewed and deleted")
    values = {
        "number": "9999999", "name": "連携商事　東京本社", "prefecture": "東京都", "kind": "office",
        "details": [{"visited": "2026/01/15", "report": "初回訪問", "cost": 1200}],
    }
    saved = store.register("offices", values)
    print(f"   registered: key {saved.key}, record id {saved.id}, revision {saved.revision}")
    values = {"city": "千代田区", "details": [{"visited": "2026/02/20", "report": "見積提出\n来月再訪", "cost": "3400"}]}
    saved = store.update("offices", "9999999", values, expected_revision=saved.revision)
    record = store.view("offices", "9999999")
    print(
        f"   viewed at revision {saved.revision}: {record['name']} ({record['city']}), "
        f"{len(record['details'])} visits, {record['spent']} spent"
    )
    try:
        store.update("offices", "9999999", {"kind": "warehouse", "jis": "十三"})
    except Error as refused:
        print("   refused, with every reason at once:")
        for violation in refused.violations:
            print(f"     [{violation['code']}] {violation['message']['ja']}")
    store.delete("offices", "9999999")
    print("   deleted")

    print("4. Searches")
    shimbun = {"field": "name", "op": "contains", "value": "新聞"}
    for number, name in store.rows("offices", ["number", "name"], {"condition": shimbun, "limit": 3}):
        print(f"   {number} {name}")
    print(f"   {store.count('offices', shimbun)} offices have 新聞 in their name")
    print(f"   {store.count('offices', {'field': 'prefecture', 'op': 'equals', 'value': '北海道'})} are in 北海道")

    print('5. The list "addresses" is exported, for people to open in a spreadsheet')
    export = {
        "database": "offices", "list": "addresses", "search": "hokkaido", "values": "csv",
        "format": {"encoding": "utf-8-bom", "formula_guard": True},
    }
    out = output / "addresses-py.csv"
    exported = store.export_to_path(export, out)
    print(f"   {exported.records} records, {exported.bytes} bytes")

    store.close()
    host.close()
    print(f"The store is {path}: open it with any SQLite tool, and look at the view offices__view.")
    print(f"The exported list is {out}.")


if __name__ == "__main__":
    try:
        main()
    except Error as error:
        sys.exit(f"error: {error}")
