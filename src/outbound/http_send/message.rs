//! The message for one record: templates with the values put in.

use super::super::delivery::{Body, NewDelivery};
use super::setting::{Compiled, CompiledBody, CompiledRow, HttpSend, JsonType};
use crate::csv::{self, Encoding};
use crate::error::{Code, Error, Result, words};
use crate::schema::Number;
use crate::template::{Scope, SecretSlot, SlottedText, Source, percent, unmappable, write_json, write_json_text};

/// Makes the message; how it is sent is the caller's to add.
pub(super) fn message(send: &HttpSend, compiled: &Compiled, source: &impl Source) -> Result<NewDelivery> {
    let scope = &compiled.scope;
    let mut delivery = NewDelivery::http(send.method.as_str(), compiled.url.expand(&scope.names, source)?);
    for (name, value) in &compiled.headers {
        delivery = delivery.header(name, value.expand(&scope.names, source)?);
    }
    let (content_type, body) = match &compiled.body {
        CompiledBody::None => return Ok(delivery),
        CompiledBody::Json(rows) => {
            let body = json(rows, scope, source)?;
            ("application/json", encoded(body, Encoding::Utf8)?)
        }
        CompiledBody::Form(rows) => {
            let mut body = SlottedText::default();
            for (at, (key, value)) in rows.iter().enumerate() {
                let key =
                    csv::encode(key, send.encoding).map_err(|character| refused(key, character, send.encoding))?;
                let mut head = if at > 0 { "&".to_owned() } else { String::new() };
                percent(&key, &mut head);
                head.push('=');
                body.push_str(&head);
                body.append(value.expand(&scope.names, source)?);
            }
            // Percent-encoded in its encoding already.
            ("application/x-www-form-urlencoded", encoded(body, Encoding::Utf8)?)
        }
        CompiledBody::Document(template, content_type) => {
            let encoding = if content_type == "application/json" { Encoding::Utf8 } else { send.encoding };
            (content_type.as_str(), encoded(template.expand(&scope.names, source)?, encoding)?)
        }
    };
    if !compiled.headers.iter().any(|(name, _)| name == "content-type") {
        delivery = delivery.header("content-type", content_type);
    }
    delivery.body = body;
    Ok(delivery)
}

fn refused(value: &str, character: char, encoding: Encoding) -> Error {
    Error::new(Code::TemplateValue).with_field("body").with_value(value).with_rule(unmappable(character, encoding))
}

/// The bytes in an encoding; the places of secrets move with them.
fn encoded(text: SlottedText, encoding: Encoding) -> Result<Body> {
    let (text, slots) = text.into_parts();
    if encoding == Encoding::Utf8 {
        return Ok(Body::Bytes(text.into_bytes(), slots));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut moved: Vec<SecretSlot> = Vec::with_capacity(slots.len());
    let mut from = 0;
    let ends = slots.iter().map(|slot| slot.at).chain([text.len()]).collect::<Vec<_>>();
    let mut slots = slots.into_iter();
    for end in ends {
        let piece = text.get(from..end).unwrap_or_default();
        bytes.extend_from_slice(&csv::encode(piece, encoding).map_err(|bad| refused(piece, bad, encoding))?);
        from = end;
        if let Some(mut slot) = slots.next() {
            slot.at = bytes.len();
            moved.push(slot);
        }
    }
    Ok(Body::Bytes(bytes, moved))
}

fn json(rows: &[CompiledRow], scope: &Scope, source: &impl Source) -> Result<SlottedText> {
    let mut out = SlottedText::from("{");
    let mut first = true;
    for row in rows {
        let Some(value) = json_value(row, scope, source)? else { continue };
        let mut head = if first { String::new() } else { ",".to_owned() };
        first = false;
        write_json_text(&row.key, &mut head);
        head.push(':');
        out.push_str(&head);
        out.append(value);
    }
    out.push_str("}");
    Ok(out)
}

/// The value of a member; `None` when the member is left out.
fn json_value(row: &CompiledRow, scope: &Scope, source: &impl Source) -> Result<Option<SlottedText>> {
    if let (JsonType::Native, Some(slot)) = (row.kind, row.value.single()) {
        let value = source.value(slot)?;
        let mut json = String::new();
        write_json(&value, &mut json);
        return Ok((!row.omit_empty || !value.is_empty()).then(|| json.into()));
    }
    let value = row.value.expand(&scope.names, source)?;
    let is_empty = value.text().is_empty() && value.slots().is_empty();
    if row.omit_empty && is_empty {
        return Ok(None);
    }
    let refused = |ja: &str, en: &str| {
        Error::new(Code::TemplateValue)
            .with_field(&row.key)
            .with_value(value.text().escape_debug())
            .with_rule(words!("{ja}ではありません", "it is no {en}"))
    };
    let text = value.text().trim();
    Ok(Some(match row.kind {
        JsonType::String => {
            let mut out = SlottedText::from("\"");
            out.append(value);
            out.push_str("\"");
            out
        }
        _ if text.is_empty() => "null".into(),
        JsonType::Boolean => match text.to_ascii_lowercase().as_str() {
            "true" | "1" => "true".into(),
            "false" | "0" => "false".into(),
            _ => return Err(refused("真偽値（true・false・1・0）", "boolean (true, false, 1, 0)")),
        },
        _ => text.parse::<Number>().map_err(|_| refused("数値", "number"))?.to_string().into(),
    }))
}
