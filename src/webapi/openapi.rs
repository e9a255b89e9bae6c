//! The description of the nine functions as an OpenAPI document, made from the table that serves them.

use serde_json::{Map, Value, json};

use super::codes::{InnerCode, OuterCode};
use super::functions::{Action, FILE_PART, FUNCTIONS, Function, JSON_PART, Parameter, ParameterKind, VERSION};

/// The Web API as an OpenAPI 3.1 document, in JSON. Paths are relative to the account: serve it with
/// `https://host/account` as the server. The same text stands in the file `include/openapi.json` of this crate.
///
/// ```
/// let document: serde_json::Value = serde_json::from_str(&renkei::webapi::openapi()).unwrap();
/// assert_eq!(document["openapi"], "3.1.0");
/// assert_eq!(document["paths"].as_object().unwrap().len(), 9);
/// ```
pub fn openapi() -> String {
    let paths: Map<String, Value> = FUNCTIONS
        .iter()
        .map(|function| {
            let path = format!("/{}/{}/version/{VERSION}", function.group, function.name);
            (path, json!({ "post": operation(function) }))
        })
        .collect();
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Renkei Web API",
            "version": VERSION,
            "description": description(),
        },
        "servers": [{
            "url": "/{account}",
            "variables": { "account": { "default": "abc1de2", "description": "The account, as it stands in every URL." } },
        }],
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": { "type": "apiKey", "in": "header", "name": "X-HD-apitoken" },
            },
            "schemas": schemas(),
            "responses": {
                "Refused": {
                    "description": "The call was refused; `errors` says why.",
                    "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Refusal" } } },
                },
            },
        },
    });
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

fn description() -> String {
    let mut text = String::from(
        "Every answer but a CSV file is one JSON object. `query` repeats the request with scalars as strings.\n\n\
         Outer codes (`errors.code`):\n",
    );
    for code in OuterCode::ALL {
        text.push_str(&format!("\n* `{}` (HTTP {}) {}", code.number(), code.status(), code.message()));
    }
    text.push_str("\n\nInner codes (`code` of the entries of `errors.description`):\n");
    for code in InnerCode::ALL {
        text.push_str(&format!("\n* `{}` {}", code.number(), code.message()));
    }
    text
}

fn operation(function: &Function) -> Value {
    let mut responses = Map::new();
    responses.insert("200".to_owned(), success(function));
    // Two outer codes share a status.
    for code in OuterCode::ALL {
        responses.insert(code.status().to_string(), json!({ "$ref": "#/components/responses/Refused" }));
    }
    let mut operation = json!({
        "operationId": function.name,
        "summary": function.about,
        "tags": [function.group],
        "responses": responses,
    });
    operation["requestBody"] = json!({ "required": true, "content": request(function) });
    operation
}

fn request(function: &Function) -> Value {
    let parameters = parameters(function);
    if !function.takes_file {
        return json!({ "application/json": { "schema": parameters } });
    }
    let file = json!({
        "type": "string",
        "contentMediaType": "text/csv",
        "description": "The CSV file, in UTF-8 or Shift_JIS.",
    });
    let mut properties = Map::new();
    let mut required = vec![FILE_PART];
    let mut encoding = json!({ FILE_PART: { "contentType": "text/csv" } });
    if !function.parameters.is_empty() {
        properties.insert(JSON_PART.to_owned(), parameters);
        required.insert(0, JSON_PART);
        encoding[JSON_PART] = json!({ "contentType": "application/json" });
    }
    properties.insert(FILE_PART.to_owned(), file);
    json!({
        "multipart/form-data": {
            "schema": { "type": "object", "required": required, "properties": properties },
            "encoding": encoding,
        },
    })
}

fn parameters(function: &Function) -> Value {
    let required: Vec<&str> =
        function.parameters.iter().filter(|parameter| parameter.required).map(|parameter| parameter.name).collect();
    let properties: Map<String, Value> =
        function.parameters.iter().map(|parameter| (parameter.name.to_owned(), schema(parameter))).collect();
    json!({ "type": "object", "required": required, "properties": properties })
}

fn schema(parameter: &Parameter) -> Value {
    let mut schema = match (parameter.kind, parameter.required) {
        (ParameterKind::Id, true) => json!({ "type": ["string", "integer"], "pattern": "^[0-9]+$" }),
        (ParameterKind::Id, false) => json!({ "type": ["string", "integer", "null"], "pattern": "^[0-9]*$" }),
        (ParameterKind::Text, true) => json!({ "type": ["string", "integer"], "minLength": 1 }),
        (ParameterKind::Text, false) => json!({ "type": ["string", "integer", "null"] }),
        (ParameterKind::Count, _) => {
            json!({ "type": ["string", "integer", "null"], "pattern": "^[0-9]*$", "minimum": 0 })
        }
        (ParameterKind::Flag, _) => json!({ "enum": ["0", "1", 0, 1, "false", "true", false, true, "", null] }),
        (ParameterKind::Mode, _) => json!({}),
        (ParameterKind::Values, _) => json!({ "$ref": "#/components/schemas/Values" }),
    };
    schema["description"] = parameter.about.into();
    schema
}

fn success(function: &Function) -> Value {
    let json = |name: &str| json!({ "schema": { "$ref": format!("#/components/schemas/{name}") } });
    let mut content = match function.action {
        Action::FileUpload => json!({ "application/json": json("FileKept") }),
        Action::CsvImport | Action::CsvDataImport => json!({ "application/json": json("ImportReserved") }),
        Action::CheckCsvImportProcess => json!({ "application/json": json("ImportStatus") }),
        Action::CsvExport => json!({
            "text/csv": { "schema": {
                "type": "string",
                "description": "A header line, then a line a record, or a line a detail row; every cell quoted, CRLF.",
            } },
        }),
        Action::Regist | Action::Update | Action::Delete => json!({ "application/json": json("RecordWritten") }),
        Action::View => json!({ "application/json": json("Record") }),
    };
    content["text/html"] = json!({ "schema": {
        "type": "string",
        "description": "During maintenance: the first line is `Status: 503 Maintenance mode`.",
    } });
    json!({ "description": "Done.", "content": content })
}

/// An answer: what all have, and what it has before `items` and in them.
fn answer(before: &[(&str, Value)], items: Value) -> Value {
    let mut required = vec!["status", "code", "url", "query", "items", "version", "accessTime"];
    let mut properties = frame("success");
    properties["code"] = json!({ "const": "200" });
    properties["items"] = items;
    for (name, value) in before {
        required.push(name);
        properties[*name] = value.clone();
    }
    json!({ "type": "object", "required": required, "properties": properties })
}

fn frame(status: &str) -> Value {
    json!({
        "status": { "const": status },
        "code": { "type": "string", "pattern": "^[0-9]{3}$", "description": "The HTTP status." },
        "url": { "type": "string", "description": "What was called; it says http also where TLS was used." },
        "query": { "type": "object", "description": "The request, in its order, scalars as strings." },
        "version": { "const": VERSION },
        "accessTime": {
            "type": "string",
            "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} [+-][0-9]{4}$",
        },
    })
}

fn schemas() -> Value {
    let id = json!({ "type": "string", "pattern": "^[0-9]+$" });
    let object = |required: &[&str], properties: Value| -> Value {
        json!({ "type": "object", "required": required, "properties": properties })
    };
    let named = |name: &str| answer(&[(name, id.clone())], object(&[name], json!({ name: id })));
    let mut refused = frame("error");
    refused["errors"] = object(
        &["code", "msg", "description"],
        json!({
            "code": { "enum": OuterCode::ALL.iter().map(|code| code.number()).collect::<Vec<_>>() },
            "msg": { "type": "string" },
            "description": {
                "oneOf": [
                    { "$ref": "#/components/schemas/Entries", "description": "Bad parameters." },
                    object(&["header"], json!({
                        "header": { "$ref": "#/components/schemas/Entries", "description": "Bad values of header items." },
                        "detail": {
                            "type": "object",
                            "description": "Bad values of detail rows, by the number of the row as it was sent, from 1.",
                            "additionalProperties": { "$ref": "#/components/schemas/Entries" },
                        },
                    })),
                ],
            },
        }),
    );
    let mut inner: Vec<&str> = InnerCode::ALL.iter().map(|code| code.number()).collect();
    inner.dedup();
    let mut seen = std::collections::HashSet::new();
    inner.retain(|number| seen.insert(*number));
    let texts = json!({ "type": "array", "items": { "type": "string" } });
    json!({
        "Values": {
            "type": ["object", "array"],
            "maxItems": 0,
            "description": "Item ID to value: a string, a number, null for nothing, an array of labels. `details` is an \
                array of such objects, one a detail row. An empty array is an object without members.",
        },
        "FileKept": named("fileId"),
        "ImportReserved": named("processId"),
        "ImportStatus": answer(&[], object(
            &["processId", "processStatus", "nowCondition", "succeedCount", "failureCount"],
            json!({
                "processId": id,
                "processStatus": { "enum": ["wait", "processing", "complete", "forced"] },
                "nowCondition": { "enum": [0, 1, 2, 3], "description": "In the order of `processStatus`." },
                "succeedCount": { "type": "integer", "minimum": 0, "description": "Lines taken." },
                "failureCount": { "type": "integer", "minimum": 0, "description": "Lines refused." },
            }),
        )),
        "RecordWritten": answer(&[], object(&["keyId", "id"], json!({
            "keyId": { "type": "string", "description": "The value of the key item." },
            "id": id,
        }))),
        "Record": answer(&[], json!({
            "type": "object",
            "required": ["[ID]", "[登録日]", "[登録ユーザ]", "[更新日]", "[更新ユーザ]"],
            "properties": {
                "details": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["行"],
                        "additionalProperties": { "oneOf": [{ "type": "string" }, texts] },
                    },
                },
            },
            "additionalProperties": { "oneOf": [{ "type": "string" }, texts] },
            "description": "Items by ID, or by display name, as people see them.",
        })),
        "Refusal": {
            "type": "object",
            "required": ["status", "code", "url", "query", "errors", "version", "accessTime"],
            "properties": refused,
        },
        "Entries": {
            "type": "array",
            "items": object(&["name", "value", "code", "msg"], json!({
                "name": { "type": "string", "description": "A parameter, or an item ID." },
                "value": { "type": "string", "description": "As it was sent." },
                "code": { "enum": inner },
                "msg": { "type": "string" },
            })),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file is written anew when this test runs with `RENKEI_WRITE=1`.
    #[test]
    fn the_file_is_what_the_code_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/include/openapi.json");
        if std::env::var_os("RENKEI_WRITE").is_some() {
            std::fs::write(path, openapi()).unwrap();
        }
        let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let code: Value = serde_json::from_str(&openapi()).unwrap();
        assert_eq!(file, code, "include/openapi.json is old: run this test with RENKEI_WRITE=1");
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn references(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Array(items) => items.iter().for_each(|item| references(item, found)),
                Value::Object(members) => {
                    found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
                    members.values().for_each(|value| references(value, found));
                }
                _ => {}
            }
        }
        let document: Value = serde_json::from_str(&openapi()).unwrap();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 20);
        for reference in found {
            assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
    }
}
