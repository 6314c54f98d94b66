//! What the editor may ask, one function each.

use flux_core::editor::{self, CompletionKind, SymbolKind};
use flux_core::{Diagnostic, Severity};
use lsp_server::Request;
use lsp_types::request::{
    CodeActionRequest, Completion, DocumentSymbolRequest, Formatting, GotoDefinition, HoverRequest,
    PrepareRenameRequest, References, Rename, Request as _,
};
use lsp_types::{
    CodeAction, CodeActionKind, CodeActionOrCommand, CompletionItem, CompletionItemKind, CompletionTextEdit,
    DiagnosticRelatedInformation, DiagnosticSeverity, DocumentSymbol, Hover, HoverContents, Location,
    MarkupContent, MarkupKind, NumberOrString, Position, Range, TextEdit, Uri, WorkspaceEdit,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::documents::{Documents, Open};

/// The answer to a request; `None` if the method is not known.
pub(super) fn answer(request: &Request, documents: &Documents) -> Result<Option<Value>, String> {
    let value = match request.method.as_str() {
        HoverRequest::METHOD => {
            let params: lsp_types::HoverParams = read(request)?;
            let at = params.text_document_position_params;
            json(documents.get(&at.text_document.uri).and_then(|open| hover(open, at.position)))
        }
        Completion::METHOD => {
            let params: lsp_types::CompletionParams = read(request)?;
            let at = params.text_document_position;
            json(documents.get(&at.text_document.uri).map(|open| completions(open, at.position)))
        }
        GotoDefinition::METHOD => {
            let params: lsp_types::GotoDefinitionParams = read(request)?;
            let at = params.text_document_position_params;
            json(definition(documents, &at.text_document.uri, at.position))
        }
        References::METHOD => {
            let params: lsp_types::ReferenceParams = read(request)?;
            let at = params.text_document_position;
            json(references(documents, &at.text_document.uri, at.position))
        }
        DocumentSymbolRequest::METHOD => {
            let params: lsp_types::DocumentSymbolParams = read(request)?;
            json(documents.get(&params.text_document.uri).map(symbols))
        }
        Formatting::METHOD => {
            let params: lsp_types::DocumentFormattingParams = read(request)?;
            json(documents.get(&params.text_document.uri).map(layout))
        }
        CodeActionRequest::METHOD => {
            let params: lsp_types::CodeActionParams = read(request)?;
            json(documents.get(&params.text_document.uri).map(|open| actions(open, params.range)))
        }
        PrepareRenameRequest::METHOD => {
            let at: lsp_types::TextDocumentPositionParams = read(request)?;
            json(documents.get(&at.text_document.uri).and_then(|open| rename_range(open, at.position)))
        }
        Rename::METHOD => {
            let params: lsp_types::RenameParams = read(request)?;
            let at = params.text_document_position;
            match documents.get(&at.text_document.uri) {
                Some(open) => json(Some(rename(open, at.position, &params.new_name)?)),
                None => Value::Null,
            }
        }
        _ => return Ok(None),
    };
    Ok(Some(value))
}

fn read<T: DeserializeOwned>(request: &Request) -> Result<T, String> {
    serde_json::from_value(request.params.clone()).map_err(|error| error.to_string())
}

fn json<T: serde::Serialize>(value: Option<T>) -> Value {
    value.and_then(|value| serde_json::to_value(value).ok()).unwrap_or(Value::Null)
}

impl Open {
    fn offset(&self, position: Position) -> u32 {
        self.encoding.offset(&self.text, &self.lines, position)
    }

    fn range(&self, span: editor::Span) -> Range {
        self.encoding.range(&self.text, &self.lines, span)
    }

    fn location(&self, span: editor::Span) -> Location {
        Location { uri: self.uri.clone(), range: self.range(span) }
    }
}

/// What there is to say of a document.
pub(super) fn diagnostics(open: &Open) -> Vec<lsp_types::Diagnostic> {
    open.analysis.diagnostics.iter().map(|row| diagnostic(open, row)).collect()
}

fn diagnostic(open: &Open, row: &Diagnostic) -> lsp_types::Diagnostic {
    let mut message = row.message.clone();
    if let Some(expected) = &row.expected {
        message.push_str(&format!("\nexpected: {expected}"));
    }
    if let Some(hint) = &row.hint {
        message.push_str(&format!("\nhelp: {}", hint.text));
    }
    let related = row.secondary.iter().map(|label| DiagnosticRelatedInformation {
        location: open.location(label.span),
        message: label.text.clone(),
    });
    let related: Vec<DiagnosticRelatedInformation> = related.collect();
    lsp_types::Diagnostic {
        range: open.range(row.span),
        severity: Some(match row.severity() {
            Severity::Error => DiagnosticSeverity::ERROR,
            Severity::Warning => DiagnosticSeverity::WARNING,
            Severity::Note => DiagnosticSeverity::INFORMATION,
        }),
        code: Some(NumberOrString::String(row.code.to_string())),
        source: Some("flux".into()),
        message,
        related_information: (!related.is_empty()).then_some(related),
        ..lsp_types::Diagnostic::default()
    }
}

fn hover(open: &Open, position: Position) -> Option<Hover> {
    let (value, span) = editor::hover(&open.text, &open.analysis.index, open.offset(position))?;
    let contents = HoverContents::Markup(MarkupContent { kind: MarkupKind::Markdown, value });
    Some(Hover { contents, range: Some(open.range(span)) })
}

fn completions(open: &Open, position: Position) -> Vec<CompletionItem> {
    let found = editor::complete(&open.text, &open.analysis.index, open.offset(position));
    found
        .into_iter()
        .map(|item| CompletionItem {
            kind: Some(match item.kind {
                CompletionKind::Form => CompletionItemKind::SNIPPET,
                CompletionKind::Key => CompletionItemKind::PROPERTY,
                CompletionKind::Value => CompletionItemKind::ENUM_MEMBER,
                CompletionKind::Device => CompletionItemKind::INTERFACE,
                CompletionKind::Name(kind) => match kind {
                    SymbolKind::Local | SymbolKind::State => CompletionItemKind::VARIABLE,
                    SymbolKind::Parameter | SymbolKind::Constant => CompletionItemKind::CONSTANT,
                    SymbolKind::Function => CompletionItemKind::FUNCTION,
                    SymbolKind::Request => CompletionItemKind::METHOD,
                    SymbolKind::Agent => CompletionItemKind::MODULE,
                    SymbolKind::Type => CompletionItemKind::STRUCT,
                },
            }),
            detail: (!item.detail.is_empty()).then_some(item.detail),
            text_edit: Some(CompletionTextEdit::Edit(TextEdit {
                range: open.range(item.replace),
                new_text: item.insert,
            })),
            label: item.label,
            ..CompletionItem::default()
        })
        .collect()
}

/// Where a name is introduced; an agent or request that the document lacks, in the other open ones.
fn definition(documents: &Documents, uri: &Uri, position: Position) -> Option<Location> {
    let open = documents.get(uri)?;
    let offset = open.offset(position);
    if let Some((symbol, _)) = open.analysis.index.at(offset) {
        return Some(open.location(symbol.place));
    }
    let message = editor::message_at(&open.text, offset)?;
    documents.all().into_iter().find_map(|other| {
        let place = editor::place_of(&other.analysis.index, &message)?;
        Some(other.location(place))
    })
}

fn references(documents: &Documents, uri: &Uri, position: Position) -> Option<Vec<Location>> {
    let open = documents.get(uri)?;
    let (symbol, _) = open.analysis.index.at(open.offset(position))?;
    Some(open.analysis.index.uses_of(symbol).map(|span| open.location(span)).collect())
}

fn symbols(open: &Open) -> Vec<DocumentSymbol> {
    open.analysis
        .index
        .symbols()
        .filter(|symbol| symbol.kind != SymbolKind::Local)
        .map(|symbol| {
            let range = open.range(symbol.place);
            #[allow(deprecated, reason = "the field has no other way to be left out")]
            DocumentSymbol {
                name: symbol.name.clone(),
                detail: Some(symbol.signature.clone()),
                kind: match symbol.kind {
                    SymbolKind::Local | SymbolKind::State => lsp_types::SymbolKind::VARIABLE,
                    SymbolKind::Parameter | SymbolKind::Constant => lsp_types::SymbolKind::CONSTANT,
                    SymbolKind::Function => lsp_types::SymbolKind::FUNCTION,
                    SymbolKind::Request => lsp_types::SymbolKind::METHOD,
                    SymbolKind::Agent => lsp_types::SymbolKind::CLASS,
                    SymbolKind::Type => lsp_types::SymbolKind::STRUCT,
                },
                tags: None,
                deprecated: None,
                range,
                selection_range: range,
                children: None,
            }
        })
        .collect()
}

/// The edits of the canonical layout; none while the document has errors, which are shown already.
fn layout(open: &Open) -> Vec<TextEdit> {
    match flux_core::layout::format(&open.text, open.name()) {
        Ok(text) if text != open.text => {
            let end = u32::try_from(open.text.len()).unwrap_or(u32::MAX);
            vec![TextEdit { range: open.range(editor::Span::new(0, end)), new_text: text }]
        }
        _ => Vec::new(),
    }
}

/// The hints that can be pasted, of what is wrong in a range.
fn actions(open: &Open, range: Range) -> Vec<CodeActionOrCommand> {
    let (from, to) = (open.offset(range.start), open.offset(range.end));
    let touched = open.analysis.diagnostics.iter().filter(|row| row.span.start <= to && from <= row.span.end);
    touched
        .filter_map(|row| {
            let hint = row.hint.as_ref()?;
            let edit = hint.replacement.as_ref()?;
            let edit = TextEdit { range: open.range(edit.span), new_text: edit.text.clone() };
            Some(CodeActionOrCommand::CodeAction(CodeAction {
                title: hint.text.clone(),
                kind: Some(CodeActionKind::QUICKFIX),
                diagnostics: Some(vec![diagnostic(open, row)]),
                edit: Some(edits(open, vec![edit])),
                is_preferred: Some(true),
                ..CodeAction::default()
            }))
        })
        .collect()
}

fn edits(open: &Open, edits: Vec<TextEdit>) -> WorkspaceEdit {
    #[allow(clippy::mutable_key_type, reason = "the protocol's own type has it so")]
    let changes = std::iter::once((open.uri.clone(), edits)).collect();
    WorkspaceEdit { changes: Some(changes), ..WorkspaceEdit::default() }
}

fn rename_range(open: &Open, position: Position) -> Option<Range> {
    let (symbol, span) = open.analysis.index.at(open.offset(position))?;
    symbol.kind.can_be_renamed().then(|| open.range(span))
}

fn rename(open: &Open, position: Position, new: &str) -> Result<WorkspaceEdit, String> {
    let spans = editor::rename(&open.text, &open.analysis.index, open.offset(position), new)?;
    let list = spans.into_iter().map(|span| TextEdit { range: open.range(span), new_text: new.to_owned() });
    Ok(edits(open, list.collect()))
}
