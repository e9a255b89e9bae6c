use proptest::prelude::*;

use super::*;

/// Texts in the order of the names; numbers are given as such.
struct Fixed(Vec<Value>);

impl Source for Fixed {
    fn text(&self, slot: usize, format: ValueFormat) -> Result<Cow<'_, str>> {
        let text = self.0[slot].to_text();
        Ok(match format {
            ValueFormat::Display => format!("<{text}>").into(),
            _ => text.into(),
        })
    }

    fn value(&self, slot: usize) -> Result<Value> {
        Ok(self.0[slot].clone())
    }
}

fn expand(place: Place, template: &str, values: &[Value]) -> Result<String, String> {
    let said = |words: Words| words.get(crate::error::Language::English).to_owned();
    let mut names = Names::default();
    let template = Template::parse(template, place, Encoding::Utf8, &mut names).map_err(said)?;
    let expanded = template.expand(&names, &Fixed(values.to_vec())).map_err(|error| error.to_string())?;
    Ok(expanded.text().to_owned())
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[test]
fn the_grammar() {
    let whole = |template: &str, values: &[Value]| expand(Place::Text, template, values);
    assert_eq!(whole("", &[]).unwrap(), "");
    assert_eq!(whole("no $ placeholder {here}", &[]).unwrap(), "no $ placeholder {here}");
    assert_eq!(whole("${a}${a}-${b.c}", &[text("1"), text("2")]).unwrap(), "11-2");
    assert_eq!(whole("$${a}", &[text("5")]).unwrap(), "$5");
    assert_eq!(whole("${$}{a}", &[]).unwrap(), "${a}");
    assert_eq!(whole("${顧客 名|display}", &[text("x")]).unwrap(), "<x>");
    assert_eq!(whole("${a|display|url}", &[text("あ")]).unwrap(), "%3C%E3%81%82%3E");
    // A value that looks like a placeholder is none.
    assert_eq!(whole("${a}", &[text("${b}")]).unwrap(), "${b}");
    for bad in ["${", "x ${a", "${}", "${|raw}", "${a|upper}", "${a|url|url}", "${a|url|raw}", "${a|raw|csv}"] {
        assert!(whole(bad, &[text("1")]).is_err(), "{bad}");
    }
}

#[test]
fn urls() {
    let url = |template: &str, value: &str| expand(Place::Url, template, &[text(value)]);
    assert_eq!(url("https://x.test/a/${k}/b", "日本/1?").unwrap(), "https://x.test/a/%E6%97%A5%E6%9C%AC%2F1%3F/b");
    assert_eq!(url("http://x.test?q=${k}&z=1", "a&b=c d+").unwrap(), "http://x.test?q=a%26b%3Dc%20d%2B&z=1");
    assert_eq!(url("HTTPS://x.test", "").unwrap(), "HTTPS://x.test");
    // Of a query, an empty value is one.
    assert_eq!(url("https://x.test/?q=${k}", "").unwrap(), "https://x.test/?q=");
    for bad in ["", ".", ".."] {
        let error = url("https://x.test/a/${k}/b", bad).unwrap_err();
        assert!(error.contains("'k'"), "{error}");
    }
    assert!(url("https://x.test/a/.${k}", ".").is_err());
    assert!(url("https://x.test/a/${k}", "...").is_ok());
    assert!(url("https://x.test/${k}", &"x".repeat(9_000)).is_err());
    for bad in [
        "${k}",
        "ftp://x.test/",
        "x.test/",
        "https://${k}/",
        "https://x.${k}",
        "https://x.test:${k}/",
        "https://x.test${k}",
        "https:///a",
        "https://user:pass@x.test/",
        "https://x.test/a b",
        "https://x.test/a\r\nX: 1",
        "https://x.test/#${k}",
        "https://x.test/../${k}",
        "https://x.test/%2e%2E/",
    ] {
        assert!(url(bad, "v").is_err(), "{bad}");
    }
}

#[test]
fn json() {
    let json = |template: &str, values: &[Value]| expand(Place::Json, template, values);
    let number = Value::Number("12.50".parse().unwrap());
    assert_eq!(
        json(
            r#"{"a":"x${a}","b":${b},"c":${c},"d":${d},"e":${b|raw}}"#,
            &[text("\"\\\n\u{1}\u{2028}"), number, Value::Empty, Value::from(["甲", "\"乙"]),]
        )
        .unwrap(),
        r#"{"a":"x\"\\\n\u0001\u2028","b":12.50,"c":null,"d":["甲","\"乙"],"e":"12.50"}"#
    );
    for bad in [r#"{"a":${a}"#, r#"{"a":"\${a}"}"#, r#"{"a":"\u00${a}"}"#, r#"{"a":1${a}}"#, r#"{${a}:1}"#, "", "${a}x"]
    {
        assert!(json(bad, &[text("n")]).is_err(), "{bad}");
    }
}

#[test]
fn what_a_place_cannot_hold_is_refused() {
    for bad in ["a\r\nX-Evil: 1", "a\nb", "a\0b", "あ", "\u{7f}"] {
        assert!(expand(Place::Header, "v ${k}", &[text(bad)]).is_err(), "{bad:?}");
        assert!(expand(Place::Header, bad, &[]).is_err(), "{bad:?}");
    }
    assert_eq!(expand(Place::Header, "v ${k|url}", &[text("あ\n")]).unwrap(), "v %E3%81%82%0A");
    for bad in ["a\r\nBcc: x@y.test", "a\nb", "a\0b", "\u{85}"] {
        assert!(expand(Place::Line, "件名 ${k}", &[text(bad)]).is_err(), "{bad:?}");
    }
    assert_eq!(expand(Place::Line, "件名 ${k}", &[text("あ")]).unwrap(), "件名 あ");
    assert_eq!(expand(Place::Xml, "<a b='${k}'/>", &[text("<'&\n")]).unwrap(), "<a b='&lt;&#39;&amp;&#10;'/>");
    assert!(expand(Place::Xml, "<a>${k}</a>", &[text("\u{1}")]).is_err());
}

#[test]
fn html() {
    let html = |template: &str, value: &str| expand(Place::Html, template, &[text(value)]);
    assert_eq!(html("<p>${k}</p>", "<b>&\"'\r\nあ\n").unwrap(), "<p>&lt;b&gt;&amp;&quot;&#39;<br>\nあ<br>\n</p>");
    assert_eq!(html("<p title='${k}'>", "a'b\nc").unwrap(), "<p title='a&#39;b&#10;c'>");
    assert_eq!(html("<title>${k}</title>", "a\n<b>").unwrap(), "<title>a&#10;&lt;b&gt;</title>");
    assert_eq!(html("<!-- \" --><br/><i a = \"1>2\">${k}", "x").unwrap(), "<!-- \" --><br/><i a = \"1>2\">x");
    assert_eq!(html("a < b <3 ${k}", "x").unwrap(), "a < b <3 x");
    assert_eq!(
        html("<style>a{}</style>${k}<script src=\"a\">\"</div>\"</SCRIPT >${k}", "x").unwrap().matches('x').count(),
        2
    );
    for good in
        ["https://x.test/?a=1&b", "HTTP://x", "mailto:a@b.test", "tel:03", "orders/1:2.html", "#a:b", "?a:b", ""]
    {
        assert!(html("<a href=\"${k}\">", good).is_ok(), "{good}");
    }
    for bad in ["javascript:alert(1)", " java\nscript:alert(1)", "\u{1}JavaScript:x", "data:text/html,x", "vbscript:x"]
    {
        assert!(html("<a href=\" ${k}\">", bad).is_err(), "{bad}");
        assert!(html("<a href='https://x.test/?q=${k}'>", bad).is_ok(), "{bad}");
    }
    for bad in [
        "<${k}>",
        "<p ${k}>",
        "<p class=${k}>",
        "<p class=a${k}>",
        "<p onclick=\"${k}\">",
        "<p style=\"${k}\">",
        "<script>${k}</script>",
        "<STYLE>${k}</style>",
        "<script>\"</scrip\"${k}",
        "<!-- ${k} -->",
        "<!doctype ${k}>",
        "<a href=\"${k}${k}\">",
    ] {
        assert!(html(bad, "x").is_err(), "{bad}");
    }
}

#[test]
fn markdown() {
    let markdown = |value: &str| expand(Place::Markdown, "| ${k} |", &[text(value)]).unwrap();
    assert_eq!(markdown("2026-01-31 a.b"), "| 2026-01-31 a.b |");
    assert_eq!(markdown("a|b*c_d`e[f]<g>&~\\"), "| a\\|b\\*c\\_d\\`e\\[f\\]\\<g\\>\\&\\~\\\\ |");
    assert_eq!(markdown("# a\r\n- b\n12. c\n3) d\n+e\n=="), "| \\# a<br>\\- b<br>12\\. c<br>3\\) d<br>\\+e<br>\\== |");
    assert_eq!(markdown("  \tx y "), "| &#32;&#32;&#9;x y  |");
    assert_eq!(expand(Place::Markdown, "**${k}** # <b>", &[text("x")]).unwrap(), "**x** # <b>");
}

#[test]
fn single_values_are_encoded_as_a_whole() {
    let one = |place, template: &str, value: &str| expand(place, template, &[text(value)]);
    assert_eq!(one(Place::Form, "a b&${k}", "c d=+~").unwrap(), "a+b%26c+d%3D%2B~");
    assert_eq!(one(Place::Query, "a b&${k}", "c d").unwrap(), "a%20b%26c%20d");
    assert_eq!(one(Place::JsonText, "\"${k}\"", "\n").unwrap(), "\\\"\\n\\\"");
    assert_eq!(
        one(Place::Url, "https://例え.test/あ?い=${k}", "う").unwrap(),
        "https://例え.test/%E3%81%82?%E3%81%84=%E3%81%86"
    );
}

#[test]
fn other_encodings_are_percent_encoded_as_such() {
    let mut names = Names::default();
    let template = "https://x.test/?q=${k}";
    let template = Template::parse(template, Place::Url, Encoding::Cp932, &mut names).unwrap();
    let expand = |value: &str| template.expand(&names, &Fixed(vec![text(value)]));
    assert_eq!(expand("表").unwrap().text(), "https://x.test/?q=%95%5C");
    assert_eq!(expand("😀").unwrap_err().code(), Code::TemplateValue);
}

#[test]
fn secrets_are_places() {
    let parse = |text: &str, place| Template::parse(text, place, Encoding::Utf8, &mut Names::default());
    for (place, template, escape) in [
        (Place::Url, "https://x.test/${@secret:s}/a", Escape::Url),
        (Place::Query, "a${@secret:s}", Escape::Url),
        (Place::Form, "a${@secret:s}", Escape::Form),
        (Place::Json, r#"{"a":"${@secret:s}"}"#, Escape::Json),
        (Place::JsonText, "a${@secret:s}", Escape::Json),
        (Place::Header, "Token ${@secret:s}", Escape::None),
        (Place::Text, "${@secret:s}", Escape::None),
    ] {
        let expanded = parse(template, place).unwrap().expand(&Names::default(), &Fixed(Vec::new())).unwrap();
        let [slot] = expanded.slots() else { panic!("{template}") };
        assert_eq!((slot.at, slot.secret.as_str(), slot.escape), (template.find('$').unwrap(), "s", escape));
        assert_eq!(expanded.text(), template.replace("${@secret:s}", ""));
    }
    assert!(parse(r#"{"a":${@secret:s}}"#, Place::Json).is_err());
    for place in [Place::Plain, Place::Line, Place::Html, Place::Markdown] {
        assert!(parse("${@secret:s}", place).is_err());
    }
    assert!(parse("${@secret:}", Place::Text).is_err());
    assert!(parse("https://${@secret:s}/", Place::Url).is_err());
}

const PLACES: [Place; 13] = [
    Place::Url,
    Place::Query,
    Place::Form,
    Place::Header,
    Place::Json,
    Place::JsonText,
    Place::Xml,
    Place::Html,
    Place::Markdown,
    Place::FileName,
    Place::Line,
    Place::Text,
    Place::Plain,
];

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[ -~\r\n\t]{0,20}", "[./%\\\\&?#=+あ\"']{0,8}"]
}

proptest! {
    #[test]
    fn parsing_never_panics(template in any_text()) {
        for place in PLACES {
            let mut names = Names::default();
            if let Ok(template) = Template::parse(&template, place, Encoding::Utf8, &mut names) {
                let values = names.iter().map(|_| text("v")).collect();
                let _ = template.expand(&names, &Fixed(values));
            }
        }
    }

    #[test]
    fn text_without_placeholders_stays(template in any_text()) {
        prop_assume!(!template.contains("${"));
        prop_assert_eq!(expand(Place::Text, &template, &[]).unwrap(), template);
    }

    #[test]
    fn a_value_stays_in_its_string(value in any_text(), other in any_text()) {
        let template = r#"{"k":["${a}", {"é":"[${b}]"}], "v": ${a}}"#;
        let expanded = expand(Place::Json, template, &[text(&value), text(&other)]).unwrap();
        let json: serde_json::Value = serde_json::from_str(&expanded).unwrap();
        let whole = format!("[{other}]");
        prop_assert_eq!(json, serde_json::json!({"k": [value, {"é": whole}], "v": value}));
    }

    #[test]
    fn a_value_stays_in_its_part_of_the_url(value in any_text()) {
        let template = "https://x.test:8443/a/${a}/z?one=${a}&two=2";
        let Ok(url) = expand(Place::Url, template, &[text(&value)]) else {
            prop_assert!(value.is_empty() || value == "." || value == ".." || value.len() > 1_000);
            return Ok(());
        };
        let rest = url.strip_prefix("https://x.test:8443/a/").unwrap();
        let (segment, rest) = rest.split_once("/z?one=").unwrap();
        let query = rest.strip_suffix("&two=2").unwrap();
        prop_assert_eq!(segment, query);
        let mut bytes = Vec::new();
        let mut left = segment.as_bytes();
        while let Some((first, rest)) = left.split_first() {
            if *first == b'%' {
                bytes.push(u8::from_str_radix(std::str::from_utf8(&rest[..2]).unwrap(), 16).unwrap());
                left = &rest[2..];
            } else {
                prop_assert!(first.is_ascii_alphanumeric() || b"-._~".contains(first));
                bytes.push(*first);
                left = rest;
            }
        }
        prop_assert_eq!(String::from_utf8(bytes).unwrap(), value);
    }

    #[test]
    fn no_line_end_gets_into_a_header(value in any_text()) {
        if let Ok(header) = expand(Place::Header, "v=${a}", &[text(&value)]) {
            prop_assert!(header.bytes().all(|byte| (b' '..=b'~').contains(&byte) || byte == b'\t'));
            prop_assert_eq!(header, format!("v={value}"));
        }
        if let Ok(line) = expand(Place::Line, "v=${a}", &[text(&value)]) {
            prop_assert!(!line.chars().any(char::is_control));
        }
    }
}
