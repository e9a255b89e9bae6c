"""What is made at random names nothing that exists. Most requests are about the database of the test instead."""

import os
import random

import schemathesis

DATABASES = ["100200", "100201", "100202", "100203", 100201]
IDS = {
    "dbSchemaId": DATABASES,
    "importId": ["100401", 100402],
    "listId": ["100501", 100502, ""],
    "searchId": ["100601", None],
    "fileId": [os.environ["RENKEI_FILE"]],
    "processId": [os.environ["RENKEI_PROCESS"]],
    "updateDetailKeyId": ["detailKey", "100371"],
}
ITEMS = {
    "100200": ["100290", "100291", "100292"],
    "100201": [str(item) for item in range(100300, 100311)],
    "100202": [str(item) for item in range(100340, 100349)],
    "100203": ["100360", "100361"],
}
KEYS = {"100200": ["A-001"], "100201": ["000000001"], "100202": ["000000001"], "100203": ["0001", 1]}
DETAILS = {"100201": range(100321, 100325), "100202": range(100351, 100354), "100203": range(100371, 100373)}


def about(query, chance, operation):
    """The query with some of its members changed for such as mean something."""
    query = {name: chance.choice(IDS[name]) if name in IDS and chance.random() < 0.8 else value for name, value in query.items()}
    database = str(query.get("dbSchemaId"))
    if database in KEYS and "keyId" in query and chance.random() < 0.8:
        # What is deleted is gone for the others.
        keys = [f"{chance.randint(2, 99):09}"] if "delete" in operation else KEYS[database]
        query["keyId"] = chance.choice(keys)
    values = query.get("values")
    if isinstance(values, dict) and database in ITEMS and chance.random() < 0.9:
        made = {chance.choice(ITEMS[database]): value for value in values.values()}
        if database in DETAILS and chance.random() < 0.5:
            row = {str(chance.choice(DETAILS[database])): value for value in values.values()}
            made["details"] = [row] * chance.randint(0, 3)
        query["values"] = made
    return query


@schemathesis.hook
def map_body(context, body):
    # Equal bodies are changed alike, so that a failure can be made again.
    chance = random.Random(repr(body))
    if not isinstance(body, dict):
        return body
    if isinstance(body.get("json"), dict):
        return {**body, "json": about(body["json"], chance, context.operation.path)}
    return about(body, chance, context.operation.path)
