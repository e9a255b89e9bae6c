"""A client as they are written in Python: urllib, and requests where it is installed."""

import csv
import io
import json
import sys
import time
import urllib.error
import urllib.request

BASE, TOKEN = sys.argv[1:3]


def post(function, body, content_type):
    headers = {"X-HD-apitoken": TOKEN}
    if content_type:
        headers["Content-Type"] = content_type
    request = urllib.request.Request(f"{BASE}/{function}/version/v1", data=body, headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=120) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def call(function, query, ascii_only=True):
    body = json.dumps(query, ensure_ascii=ascii_only).encode("utf-8")
    status, headers, answer = post(function, body, "application/json")
    assert "application/json" in headers["content-type"], headers
    answer = json.loads(answer)
    assert answer["code"] == str(status), answer
    return answer


def multipart(query, name, content):
    boundary = "----PythonBoundary7MA4YWxk"
    lines = [
        f"--{boundary}",
        'Content-Disposition: form-data; name="json"',
        "Content-Type: application/json",
        "",
        json.dumps(query),
        f"--{boundary}",
        f'Content-Disposition: form-data; name="uploadFile"; filename="{name}"',
        "Content-Type: text/csv",
        "",
    ]
    body = "\r\n".join(lines).encode() + b"\r\n" + content + f"\r\n--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"


def wait(process):
    for _ in range(600):
        answer = call("api/checkcsvimportprocess", {"processId": process})
        items = answer["items"]
        if items["processStatus"] == "complete" or items["nowCondition"] in (2, 3):
            return int(items["succeedCount"]), int(items["failureCount"])
        time.sleep(0.05)
    raise AssertionError("the import does not end")


def decode(content):
    """Shift_JIS first, as older scripts do: the mark at the beginning must keep that from working by chance."""
    try:
        return content.decode("cp932")
    except UnicodeDecodeError:
        return content.decode("utf-8-sig")


def rows(content):
    return list(csv.reader(io.StringIO(decode(content), newline="")))


def standard_library():
    answer = call("apirecord/regist", {"dbSchemaId": 100201, "values": {"100304": "株式会社", "100303": 12.5}})
    assert answer["status"] == "success", answer
    key = answer["items"]["keyId"]
    view = {"dbSchemaId": "100201", "keyId": key, "responseType": "1"}
    assert call("apirecord/view", view, False)["items"]["件名"] == "株式会社"
    answer = call("apirecord/update", {"dbSchemaId": 100201, "keyId": key, "values": {"100302": "2026/13/40"}})
    assert answer["errors"]["description"]["header"][0]["code"] == "39", answer
    answer = call("apirecord/update", {"dbSchemaId": 100201, "keyId": key, "values": {"100302": "2026/12/04"}}, False)
    assert answer["code"] == "200", answer
    content = "りんご,120.00,2026-05-01\r\nみかん,八十,\r\n".encode("cp932")
    status, _, answer = post("api/csvdataimport", *multipart({"dbSchemaId": 100201, "importId": 100401}, "a.csv", content))
    assert status == 200, answer
    process = json.loads(answer)["processId"]
    assert wait(process) == (1, 1)
    export = json.dumps({"dbSchemaId": 100201, "listId": 100501, "limit": 200, "offset": 0}).encode()
    status, headers, content = post("api/csvexport", export, "application/json; charset=utf-8")
    assert status == 200 and "json" not in headers["content-type"], headers
    table = rows(content)
    assert table[0][:2] == ["番号", "件　名"], table
    assert {row[1] for row in table[1:]} == {"株式会社", "りんご"}, table
    assert call("apirecord/delete", {"dbSchemaId": 100201, "keyId": key})["items"]["keyId"] == key
    assert call("apirecord/view", view)["errors"]["description"][0]["code"] == "8"
    # Without a type of its own urllib says that it is a form.
    status, _, answer = post("api/csvexport", b'{"dbSchemaId":"100201"}', None)
    assert status == 200, answer


def with_requests():
    import requests

    session = requests.Session()
    session.headers["X-HD-apitoken"] = TOKEN
    url = lambda function: f"{BASE}/{function}/version/v1"
    answer = session.post(url("apirecord/regist"), json={"dbSchemaId": 100201, "values": {"100304": "テスト"}}).json()
    key = answer["items"]["keyId"]
    answer = session.post(url("apirecord/view"), json={"dbSchemaId": 100201, "keyId": key, "responseType": 1}, timeout=120)
    assert answer.status_code == 200 and answer.json()["items"]["件名"] == "テスト"
    # The JSON as a field.
    answer = session.post(
        url("api/csvdataimport"),
        data={"json": json.dumps({"dbSchemaId": "100201", "importId": "100401"})},
        files={"uploadFile": ("data.csv", "ぶどう,1980,\n".encode(), "text/csv")},
    )
    assert answer.status_code == 200, answer.text
    assert wait(answer.json()["items"]["processId"]) == (1, 0)
    # And as a file, which is not read.
    answer = session.post(
        url("api/csvdataimport"),
        files={
            "json": ("json", json.dumps({"dbSchemaId": "100201", "importId": "100401"}), "application/json"),
            "uploadFile": ("data.csv", b"a,1,\n", "text/csv"),
        },
    )
    assert [entry["name"] for entry in answer.json()["errors"]["description"]] == ["dbSchemaId", "importId"], answer.text
    # A body of unknown length goes in chunks.
    pieces = iter([b'{"dbSchemaId":', b"100201,", b'"limit":1}'])
    answer = session.post(url("api/csvexport"), data=pieces, stream=True)
    assert answer.headers["transfer-encoding"] == "chunked"
    assert len(rows(b"".join(answer.iter_content(7)))) == 2
    try:
        session.post(url("apirecord/view"), json={}).raise_for_status()
        raise AssertionError("no error")
    except requests.HTTPError as error:
        assert error.response.json()["errors"]["msg"] == "パラメータが不正です。"


standard_library()
try:
    import requests  # noqa: F401
except ImportError:
    print("requests is not installed")
else:
    with_requests()
print("done")
