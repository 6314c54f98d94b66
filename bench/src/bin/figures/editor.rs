//! How long a person who types waits for the language server: from the last byte of a question to the
//! first of its answer, on the clock.

use std::io::BufReader;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use flux_fluxc::testing::generate_document;
use lsp_server::{Message, Notification, Request, RequestId};
use serde_json::{Value, json};

use crate::check::{LINES, flux};
use crate::report::{Bound, Failure, Report, median};

const SAMPLES: i32 = 201;

const URI: &str = "file:///nonexistent/generated.flux.md";

/// The line of the document that is typed in.
const STEP: &str = "3. Otherwise: Set worst to max(worst, temperature)";

struct Server {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    questions: i32,
}

impl Server {
    fn start() -> Result<Self, Failure> {
        let mut child =
            Command::new(flux()?).arg("lsp").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = child.stdin.take().ok_or("no input")?;
        let output = BufReader::new(child.stdout.take().ok_or("no output")?);
        let mut server = Self { child, input, output, questions: 0 };
        server.ask("initialize", json!({ "processId": null, "rootUri": null, "capabilities": {} }))?;
        server.tell("initialized", json!({}))?;
        Ok(server)
    }

    fn tell(&mut self, method: &str, params: Value) -> Result<(), Failure> {
        Ok(Message::Notification(Notification::new(method.into(), params)).write(&mut self.input)?)
    }

    fn answer(&mut self) -> Result<Message, Failure> {
        Message::read(&mut self.output)?.ok_or_else(|| "the server went away".into())
    }

    /// The result of a request, which must not be an error or nothing.
    fn ask(&mut self, method: &str, params: Value) -> Result<Value, Failure> {
        self.questions += 1;
        let id = RequestId::from(self.questions);
        Message::Request(Request { id: id.clone(), method: method.into(), params }).write(&mut self.input)?;
        match self.answer()? {
            Message::Response(response) if response.id == id => match response.response_result {
                Ok(value) if !value.is_null() => Ok(value),
                _ => Err(format!("no answer to {method}").into()),
            },
            other => Err(format!("instead of an answer to {method}: {other:?}").into()),
        }
    }

    /// Tells the server something after which it sends diagnostics; how many there are.
    fn diagnosed(&mut self, method: &str, params: Value) -> Result<usize, Failure> {
        self.tell(method, params)?;
        match self.answer()? {
            Message::Notification(told) if told.method == "textDocument/publishDiagnostics" => {
                Ok(told.params["diagnostics"].as_array().map_or(0, Vec::len))
            }
            other => Err(format!("instead of diagnostics: {other:?}").into()),
        }
    }

    fn end(mut self) -> Result<(), Failure> {
        Message::Request(Request { id: 0.into(), method: "shutdown".into(), params: Value::Null })
            .write(&mut self.input)?;
        self.answer()?;
        self.tell("exit", Value::Null)?;
        self.child.wait()?;
        Ok(())
    }
}

/// Milliseconds of each time, median and the one that 95 of 100 do not exceed.
fn typical(mut work: impl FnMut(i32) -> Result<(), Failure>) -> Result<(f64, f64), Failure> {
    let mut samples = Vec::new();
    for number in 0..SAMPLES {
        let start = Instant::now();
        work(number)?;
        samples.push(start.elapsed().as_secs_f64() * 1e3);
    }
    let middle = median(&mut samples);
    Ok((middle, samples[samples.len() * 95 / 100]))
}

/// Measures what happens at each key: new diagnostics, completions, an explanation under the pointer.
pub fn measure(report: &mut Report) -> Result<(), Failure> {
    let text = generate_document(LINES);
    let line = text.lines().position(|line| line == STEP).ok_or("the document has no such step")?;
    let place = |character: usize| json!({ "line": line, "character": character });
    let at = |character: usize| json!({ "textDocument": { "uri": URI }, "position": place(character) });
    let mut server = Server::start()?;
    let opened =
        json!({ "textDocument": { "uri": URI, "languageId": "markdown", "version": 0, "text": text } });
    let clean = server.diagnosed("textDocument/didOpen", opened)?;

    // One letter is typed and taken away again, so that every second text has one more fault.
    let column = STEP.find("worst,").ok_or("no such word")? + 1;
    let change = typical(|number| {
        let (end, letter, faults) =
            if number % 2 == 0 { (column, "q", clean + 1) } else { (column + 1, "", clean) };
        let range = json!({ "start": place(column), "end": place(end) });
        let found = server.diagnosed(
            "textDocument/didChange",
            json!({
                "textDocument": { "uri": URI, "version": number + 1 },
                "contentChanges": [{ "range": range, "text": letter }],
            }),
        )?;
        if found == faults { Ok(()) } else { Err(format!("{found} diagnostics instead of {faults}").into()) }
    })?;
    let complete = typical(|_| {
        let found = server.ask("textDocument/completion", at(column))?;
        if found.as_array().is_some_and(|list| !list.is_empty()) {
            Ok(())
        } else {
            Err("no completion".into())
        }
    })?;
    let hover = typical(|_| server.ask("textDocument/hover", at(column)).map(drop))?;
    server.end()?;

    for (name, (middle, high)) in
        [("a letter → diagnostics", change), ("completion", complete), ("hover", hover)]
    {
        report.add(format!("editor, {LINES} lines: {name}"), "ms", middle, Bound::Most(10.0), Bound::None);
        report.remark(format!("editor, {name}: 95 of 100 within {high:.2} ms"));
    }
    Ok(())
}
