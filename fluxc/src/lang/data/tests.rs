//! What the readers take, and what they say to everything else.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::{format, vec};

use super::*;
use crate::span::SourceId;
use Format::{Json, Toml, Yaml};

fn sink_and_node(format: Format, text: &str) -> (Sink, Option<Node<'_>>) {
    let mut sink = Sink::new(SourceId(0));
    let node = read(format, text, Span::from_usize(0, text.len()), &mut sink);
    (sink, node)
}

/// A node as JSON, with a point in every float.
fn show(node: &Node<'_>) -> String {
    match &node.kind {
        Kind::Null => "null".to_string(),
        Kind::Bool(value) => value.to_string(),
        Kind::Int(value) => value.to_string(),
        Kind::Float(value) => format!("{value:?}"),
        Kind::Text(text) => format!("{text:?}"),
        Kind::Array(items) => {
            let items: Vec<String> = items.iter().map(show).collect();
            format!("[{}]", items.join(","))
        }
        Kind::Object(entries) => {
            let entry = |entry: &Entry<'_>| format!("{:?}:{}", entry.key.text, show(&entry.value));
            let entries: Vec<String> = entries.iter().map(entry).collect();
            format!("{{{}}}", entries.join(","))
        }
    }
}

#[track_caller]
fn reads(format: Format, text: &str, wanted: &str) {
    let (sink, node) = sink_and_node(format, text);
    let Some(node) = node else { panic!("{text}\n{:?}", sink.diagnostics()) };
    assert_eq!(show(&node), wanted, "{text}");
}

/// The code and the text that the first error underlines.
#[track_caller]
fn refuses(format: Format, text: &str, code: &str, place: &str) {
    let (sink, node) = sink_and_node(format, text);
    assert!(node.is_none(), "{text}");
    let row = &sink.diagnostics()[0];
    assert_eq!(
        (row.code.to_string().as_str(), row.span.text(text)),
        (code, place),
        "{text}\n{}",
        row.message
    );
    assert_eq!(sink.diagnostics().len(), 1, "{text}");
}

#[test]
fn json_is_read_as_the_standard_says() {
    reads(
        Json,
        " {\"a\": [1, -2, 3.5, 1e3], \"b\": null, \"c\": {}}\n",
        "{\"a\":[1,-2,3.5,1000.0],\"b\":null,\"c\":{}}",
    );
    reads(Json, "[true,false,0,-0,0.0]", "[true,false,0,0,0.0]");
    reads(Json, "\"\\u00e9\\ud83d\\ude00 \\\\ \\\" \\/ \\n\"", "\"é😀 \\\\ \\\" / \\n\"");
    reads(Json, "[9223372036854775807, -9223372036854775808]", "[9223372036854775807,-9223372036854775808]");
}

#[test]
fn json_errors_are_where_they_begin() {
    for (text, code, place) in [
        ("", "E0901", ""),
        ("[1, 2,]", "E0901", "]"),
        ("[1 2]", "E0901", "2"),
        ("{\"a\" 1}", "E0901", "1"),
        ("{a: 1}", "E0901", "a"),
        ("{\"a\": 'x'}", "E0901", "'"),
        ("[1] 2", "E0901", "2"),
        ("// no\n1", "E0901", "/"),
        ("\"a\nb\"", "E0901", "\"a"),
        ("\"abc", "E0901", "\""),
        ("\"\\x\"", "E0901", "\\"),
        ("\"\\ud800\"", "E0901", "\\ud800"),
        ("01", "E0901", "01"),
        ("1.", "E0901", ""),
        ("True", "E0901", "True"),
        ("9223372036854775808", "E0512", "9223372036854775808"),
        ("[1e999]", "E0512", "1e999"),
        ("{\"a\": 1, \"b\": 2, \"a\": 3}", "E0104", "\"a\""),
    ] {
        refuses(Json, text, code, place);
    }
}

#[test]
fn yaml_is_read_by_the_core_schema() {
    reads(
        Yaml,
        "a: 1\nb: 0x1F\nc: 0o17\nd: -2.5\ne: .5\nf: 1e3\ng: ~\nh: true\ni: text of words\nj: '5'\nk: 1.2.3\nl: 30s\n",
        "{\"a\":1,\"b\":31,\"c\":15,\"d\":-2.5,\"e\":0.5,\"f\":1000.0,\"g\":null,\"h\":true,\
         \"i\":\"text of words\",\"j\":\"5\",\"k\":\"1.2.3\",\"l\":\"30s\"}",
    );
    reads(
        Yaml,
        "- {x: 1, y: [a, b]}\n- # nothing\n- |\n  two\n  lines\n",
        "[{\"x\":1,\"y\":[\"a\",\"b\"]},null,\"two\\nlines\\n\"]",
    );
    reads(Yaml, "---\n- 1\n...\n", "[1]");
    reads(Yaml, "\"ü b\": ö\n1: x\n", "{\"ü b\":\"ö\",\"1\":\"x\"}");
    reads(Yaml, "base: &b 5\n", "{\"base\":5}");
}

#[test]
fn yaml_errors_are_where_they_begin() {
    for (text, code, place) in [
        ("", "E0901", ""),
        ("a: 1\nb: *x\n", "E0901", "*"),
        ("a: &x 1\nb: *x\n", "E0902", "*x"),
        ("a: !!str 5\n", "E0902", "!!str 5"),
        ("--- 1\n--- 2\n", "E0902", "--- 2"),
        ("? [1, 2]\n: 3\n", "E0902", "[1, 2]"),
        ("a: yes\n", "E0902", "yes"),
        ("ä: Off\n", "E0902", "Off"),
        ("a: .inf\n", "E0512", ".inf"),
        ("a: 1\nb: 2\na: 3\n", "E0104", "a"),
        ("a: 99999999999999999999\n", "E0512", "99999999999999999999"),
    ] {
        refuses(Yaml, text, code, place);
    }
    let (sink, node) = sink_and_node(Yaml, "a: [1, 2\nb: 3\n");
    assert!(node.is_none() && sink.errors() == 1);
}

#[test]
fn toml_is_read_with_its_tables() {
    reads(
        Toml,
        "a = 1\nb = 0xff\nc = 1_000.5\nd.e.f = 'x'\nd.g = 2024-01-01\n[t]\nu = [1, 2,\n 3]\n[t.v]\nw = { x = true, y.z = 1 }\n",
        "{\"a\":1,\"b\":255,\"c\":1000.5,\"d\":{\"e\":{\"f\":\"x\"},\"g\":\"2024-01-01\"},\
         \"t\":{\"u\":[1,2,3],\"v\":{\"w\":{\"x\":true,\"y\":{\"z\":1}}}}}",
    );
    reads(
        Toml,
        "[[p]]\nn = 1\n[p.q]\nr = 2\n[[p]]\nn = 3\n",
        "{\"p\":[{\"n\":1,\"q\":{\"r\":2}},{\"n\":3}]}",
    );
    reads(Toml, "[a.b]\nx = 1\n[a]\ny = 2\n", "{\"a\":{\"b\":{\"x\":1},\"y\":2}}");
    reads(Toml, "\"q r\" = \"\"\"\ntwo\nlines\"\"\"\n", "{\"q r\":\"two\\nlines\"}");
}

#[test]
fn toml_errors_are_where_they_begin() {
    for (text, code, place) in [
        ("a = 1\na = 2\n", "E0104", "a"),
        ("[a]\n[b]\n[a]\n", "E0104", "a"),
        ("a = 1\n[a]\n", "E0104", "a"),
        ("[a]\nb.c = 1\n[a.b]\n", "E0104", "b"),
        ("[[a]]\n[a]\n", "E0104", "a"),
        ("a = []\n[[a]]\n", "E0104", "a"),
        ("a.b = 1\na.b.c = 2\n", "E0104", "b"),
        ("[a.b]\n[a]\nb.c = 1\n", "E0104", "b"),
        ("a = 99999999999999999999\n", "E0512", "99999999999999999999"),
        ("a = inf\n", "E0512", "inf"),
    ] {
        refuses(Toml, text, code, place);
    }
    for text in [
        "a = \n",
        "a\n",
        "= 1\n",
        "a = [1, 2\n",
        "a = 'x\n",
        "[a\n",
        "a = tru\n",
        "a. = 1\n",
        "a = {b = 1,, c = 2}\n",
    ] {
        let (sink, node) = sink_and_node(Toml, text);
        assert!(node.is_none(), "{text}");
        assert_eq!(sink.diagnostics()[0].code.to_string(), "E0901", "{text}");
    }
}

#[test]
fn every_format_says_the_same() {
    let wanted = "{\"name\":\"press\",\"limits\":{\"low\":-1.5,\"high\":8},\"ports\":[1,2]}";
    reads(Json, wanted, wanted);
    // JSON is YAML too.
    reads(Yaml, wanted, wanted);
    reads(Yaml, "name: press\nlimits:\n  low: -1.5\n  high: 8\nports: [1, 2]\n", wanted);
    reads(Toml, "name = \"press\"\nlimits = {low = -1.5, high = 8}\nports = [1, 2]\n", wanted);
}

#[test]
fn data_deeper_than_types_is_refused_at_once() {
    let most = limits::TYPE_NESTING;
    let nested = |open: &str, middle: &str, close: &str, depth: usize| {
        format!("{}{middle}{}", open.repeat(depth), close.repeat(depth))
    };
    for format in [Json, Yaml] {
        let text = nested("[", "1", "]", most);
        let (sink, node) = sink_and_node(format, &text);
        assert!(node.is_some(), "{:?}", sink.diagnostics());
    }
    let lines = (0..30_000).fold(String::new(), |text, depth| text + &" ".repeat(depth.min(100)) + "a:\n");
    for (format, text) in [
        (Json, nested("[", "1", "]", most + 1)),
        (Json, nested("[", "", "", 1_000_000)),
        (Json, nested("{\"a\":", "1", "}", 300_000)),
        (Yaml, nested("[", "", "", 1_000_000)),
        (Yaml, nested("{a: ", "", "", 300_000)),
        (Yaml, nested("- ", "1", "", 300_000)),
        (Yaml, lines),
        (Toml, format!("a = {}", nested("[", "", "", 1_000_000))),
        (Toml, format!("a = {}", nested("{a=", "1", "}", 300_000))),
        (Toml, format!("{} = 1", vec!["a"; 300_000].join("."))),
        (Toml, format!("[{}]", vec!["a"; 300_000].join("."))),
    ] {
        let (sink, node) = sink_and_node(format, &text);
        assert!(node.is_none());
        assert_eq!(sink.errors(), 1);
        let code = sink.diagnostics()[0].code;
        assert!(code == codes::TYPE_TOO_DEEP || code == codes::DATA_SYNTAX, "{code} {}", text.len());
    }
}

/// Each alias stands for ten of the one before.
#[test]
fn aliases_of_aliases_take_no_time() {
    let mut text = String::from("a0: &a0 [x, x]\n");
    for level in 1..40 {
        let before = format!("*a{}", level - 1);
        text += &format!("a{level}: &a{level} [{}]\n", vec![before; 10].join(", "));
    }
    refuses(Yaml, &text, "E0902", "*a0, *a0, *a0, *a0, *a0, *a0, *a0, *a0, *a0, *a0]");
}

#[test]
fn texts_that_stand_as_they_are_borrow_from_the_document() {
    for (format, text) in [(Json, "\"abc\""), (Yaml, "abc"), (Yaml, "'abc'"), (Yaml, "\"abc\"")] {
        let (_, node) = sink_and_node(format, text);
        assert!(matches!(node.unwrap().kind, Kind::Text(Cow::Borrowed("abc"))), "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_a_reader_fail(text in "[-\\[\\]{}:,\"'#&*!|>%@`a-c0-9.=\\n \\\\tünulres]{0,60}") {
        for format in [Json, Yaml, Toml] {
            let (sink, node) = sink_and_node(format, &text);
            proptest::prop_assert_eq!(node.is_none(), sink.has_errors());
            for row in sink.diagnostics() {
                proptest::prop_assert!(text.get(row.span.start as usize..row.span.end as usize).is_some());
            }
        }
    }
}

/// The parser keeps what may be a key until it knows: its tokens are counted.
#[test]
fn brackets_of_yaml_may_hold_tens_of_thousands_of_values() {
    let brackets = |count: usize| format!("[{}1]", "1,\n   ".repeat(count));
    let bounded = |text: &str| {
        let mut sink = Sink::new(SourceId(0));
        sink.allow_for(text.len());
        let read = read(Yaml, text, Span::from_usize(0, text.len()), &mut sink).is_some();
        (read, sink)
    };
    assert!(bounded(&brackets(30_000)).0);
    for head in ["", "a: 1\nb:\n- c: 2\n- "] {
        let text = format!("{head}{}", brackets(400_000));
        let (read, sink) = bounded(&text);
        assert!(!read && sink.diagnostics().len() == 1);
        let row = &sink.diagnostics()[0];
        assert_eq!(row.message, "YAML in brackets that is too long to be read");
        assert_eq!((row.span, row.hint.is_some()), (Span::from_usize(head.len(), head.len() + 1), true));
    }
}
