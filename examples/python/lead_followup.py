"""Following up leads (見込客のフォロー), in Python: an automation of a campaign, started by the button of its list, searches its
leads, updates them, sends each a mail, calls an outside API for each, and goes on with what was answered. The same story as
examples/lead_followup.rs; renkei.py beside it is all that is needed.

The outside API and the postbox for mail are in this program.

    examples/run.sh followup
"""

import email
import email.policy
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from renkei import Error, Store, Worker

OUTPUT = Path(__file__).resolve().parent.parent / "output"


class Scoring(BaseHTTPRequestHandler):
    """The outside API: it scores leads by their mail addresses, and does not know one of them."""

    protocol_version = "HTTP/1.1"
    received = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.received.append(f"{self.command} {self.path} {body}")
        mail = json.loads(body)["mail"]
        status, answer = (404, {"error": "unknown"}) if mail == "jiro@example.com" else (200, {"score": len(mail) * 5})
        answer = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def definitions(url):
    """What the store is to hold, but for the automation."""
    return {
        "databases": [
            {"code": "campaigns", "name": "キャンペーン", "fields": [
                {"code": "code", "name": "コード", "type": "key"},
                {"code": "name", "name": "名称", "type": "text"},
                {"code": "reached", "name": "連絡した件数", "type": "number"},
            ]},
            {"code": "leads", "name": "見込客", "fields": [
                {"code": "number", "name": "番号", "type": "key"},
                {"code": "name", "name": "氏名", "type": "text"},
                {"code": "mail", "name": "メール", "type": "email"},
                {"code": "campaign", "name": "キャンペーン", "type": "link", "database": "campaigns"},
                {"code": "state", "name": "状態", "type": "choice", "choices": ["新規", "連絡済み"]},
                {"code": "contacted", "name": "連絡日時", "type": "datetime"},
                {"code": "score", "name": "スコア", "type": "number"},
                {"code": "problem", "name": "エラー", "type": "text"},
            ]},
            {"code": "tasks", "name": "タスク", "fields": [
                {"code": "number", "name": "番号", "type": "key", "parts": [{"kind": "automatic", "format": {}}]},
                {"code": "what", "name": "内容", "type": "text", "required": True},
            ]},
        ],
        "http_sends": [{
            "database": "leads", "code": "score", "name": "スコア照会", "url": url,
            "body": {"format": "json", "rows": [{"key": "mail", "value": "${mail}"}, {"key": "name", "value": "${name}"}]},
            "save": [{"field": "score", "from": {"json": "/score"}}, {"field": "problem", "from": "error", "when": "always"}],
        }],
        "mail_servers": [{
            "code": "office", "name": "社内メール", "host": "mail.example.com", "from": "連携 <renkei@example.com>",
        }],
        "mail_templates": [{
            "database": "leads", "code": "greeting", "name": "お礼", "server": "office", "to": ["${name} <${mail}>"],
            "subject": "${campaign.name}へのご来場のお礼", "text": "${name} 様\n\nご来場ありがとうございました。\n",
        }],
    }


def automation(sends_mail):
    """The automation, and the list from whose menu it is started."""
    def part(code, name, action, **more):
        return {"code": code, "name": name, "action": {"type": action, **more}}

    of_campaign = {"field": "campaign", "op": "equals", "value": "${code}"}
    new = {"all": [of_campaign, {"field": "state", "op": "equals", "value": "新規"}]}
    hot = {"all": [of_campaign, {"field": "score", "op": "at_least", "value": 100}]}
    contact = [{"field": "state", "from": {"value": "連絡済み"}}, {"field": "contacted", "from": {"template": "${@now}"}}]
    hits = [
        part("contact", "連絡済みにする", "update", target={"found": "new"}, set=contact),
        part("mail", "お礼のメール", "send_mail", target={"found": "new"}, template="greeting"),
        part("ask", "スコアを照会", "http_send", target={"found": "new"}, http_send="score"),
    ]
    what = {"field": "what", "from": {"template": "${name}の有望な見込客に電話（${@memo}）"}}
    count = part("count", "件数を記録", "update", set=[{"field": "reached", "from": {"value": 3}}])
    return {
        "automations": [{
            "database": "campaigns", "code": "follow_up", "name": "見込客のフォロー", "triggers": ["button"], "parts": [
                part("new", "新規の見込客を探す", "search", database="leads", condition=new, sort=[{"field": "number"}],
                     hits=[hit for hit in hits if sends_mail or hit["code"] != "mail"],
                     none=[part("nobody", "対象なし", "end")]),
                part("hot", "有望な見込客を探す", "search", database="leads", condition=hot,
                     hits=[part("task", "タスクを登録", "register", database="tasks", set=[what])]),
                part("once", "初回なら", "condition", condition={"field": "reached", "op": "is_empty"}, then=[count]),
            ],
        }],
        "lists": [{
            "database": "campaigns", "code": "all", "name": "キャンペーン一覧", "columns": ["code", "name"],
            "menu": {"buttons": [{"automation": "follow_up"}]},
        }],
    }


def show(entries):
    for entry in entries:
        error = entry["error"]
        refused = f" [{error['code']}] {error['ja']}" if error else ""
        print(f"   {entry['part']}: {entry['state']}, {entry['records']} record(s){refused}")


def story(url, store):
    print("2. The store: campaigns, their leads, tasks, and the automation in the menu of the list of campaigns")
    store.apply(definitions(url))
    sends_mail = store.can_send_mail("office")
    store.apply(automation(sends_mail))
    store.register("campaigns", {"code": "C-1", "name": "春の展示会"})
    for number, name, mail in [
        ("L-1", "佐藤 花子", "hanako@example.com"),
        ("L-2", "鈴木 一郎", "ichiro.suzuki@example.com"),
        ("L-3", "高橋 次郎", "jiro@example.com"),
    ]:
        store.register("leads", {"number": number, "name": name, "mail": mail, "campaign": "C-1", "state": "新規"})

    print("3. Other ways than button and pulldown are refused, since it calls an outside API")
    try:
        store.start_automation("settings_screen", "campaigns", "follow_up")
    except Error as error:
        print(f"   [{error.code}] {error.message_ja}")

    print("4. What it would do, without doing it")
    of_list = {"list": "all", "memo": "担当: 山田"}
    show(store.plan_automation("button", "campaigns", "follow_up", ["C-1"], **of_list)["entries"])

    postbox, is_full = [], threading.Event()

    def post(mail):
        """Takes a mail in the place of a mail server."""
        receiver = next(value for name, value in mail.headers if name == "rcpt-to")
        subject = email.message_from_bytes(mail.read_all(), policy=email.policy.default)["subject"]
        postbox.append(f"{receiver}: {subject}")
        mail.answer(250)
        if len(postbox) == 4:
            is_full.set()

    def press():
        """Presses the button, and tells how the run ended."""
        run = store.start_automation("button", "campaigns", "follow_up", ["C-1"], **of_list)
        status = store.wait_automation(run, 20)
        print(f"   run {run}: {status['state']}, {status['completed']} completed, {status['failed']} failed")
        show(store.automation_entries(run))

    with Worker(store, network={"allow": ["127.0.0.0/8"]}, mail_transport=post) as worker:
        worker.start()
        print("5. The button; a worker runs it, and sends. The lead L-3 is refused, so that the campaign stops behind the sending")
        press()
        print("6. The address of L-3 is put right, and the button pressed again: for L-3 alone, and now to the end")
        store.update("leads", "L-3", {"mail": "jiro.takahashi@example.com", "state": "新規"})
        press()
        if sends_mail:
            is_full.wait(10)
        worker.stop()

    print("7. What came of it")
    for request in Scoring.received:
        print(f"   received: {request}")
    for receiver in sorted(postbox):
        print(f"   mail to {receiver}")
    for lead in store.query("leads")["records"]:
        print(f"   {lead['number']}:", " / ".join(str(lead[field] or "") for field in ["name", "state", "score", "problem"]))
    for task in store.query("tasks")["records"]:
        print(f"   task {task['number']}: {task['what']}")


def main():
    OUTPUT.mkdir(exist_ok=True)
    path = OUTPUT / "leads-py.db"
    for suffix in ["", "-wal", "-shm", "-turn"]:
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    print("1. The outside API scores leads; the address of one is unknown to it")
    with ThreadingHTTPServer(("127.0.0.1", 0), Scoring) as service:
        threading.Thread(target=service.serve_forever, daemon=True).start()
        with Store(path, create=True) as store:
            story(f"http://127.0.0.1:{service.server_port}/score", store)
        service.shutdown()


if __name__ == "__main__":
    try:
        main()
    except Error as error:
        sys.exit(f"error: {error}")
