//! `flux lsp`: the language server, over standard input and output.
//!
//! # Invariants
//! 1. Every request gets one answer, an error if it cannot be carried out.
//! 2. A document that is not open, or a place outside of it, is an empty answer, no failure.

mod convert;
mod documents;
mod requests;

use flux_core::error::Error;
use lsp_server::{Connection, ErrorCode, Message, Notification, Request, Response};
use lsp_types::notification::{
    DidChangeTextDocument, DidCloseTextDocument, DidOpenTextDocument, Notification as _, PublishDiagnostics,
};
use lsp_types::{
    CodeActionProviderCapability, CompletionOptions, HoverProviderCapability, InitializeParams, OneOf,
    PositionEncodingKind, PublishDiagnosticsParams, RenameOptions, ServerCapabilities, ServerInfo,
    TextDocumentSyncCapability, TextDocumentSyncKind, Uri,
};

use super::Outcome;
use convert::Encoding;
use documents::Documents;

/// Serves one editor until it says goodbye.
pub(crate) fn serve() -> Result<Outcome, Error> {
    let (connection, threads) = Connection::stdio();
    let outcome = session(&connection).map_err(|why| Error::Editor { why });
    // The writing thread ends when nobody can send to it any more.
    drop(connection);
    let ended = outcome?;
    threads.join().map_err(|error| Error::Editor { why: error.to_string() })?;
    Ok(ended)
}

fn session(connection: &Connection) -> Result<Outcome, String> {
    let (id, params) = connection.initialize_start().map_err(|error| error.to_string())?;
    let params: InitializeParams = serde_json::from_value(params).map_err(|error| error.to_string())?;
    let encoding = encoding(&params);
    let answer = serde_json::json!({
        "capabilities": capabilities(encoding),
        "serverInfo": ServerInfo { name: "flux".into(), version: Some(env!("CARGO_PKG_VERSION").into()) },
    });
    connection.initialize_finish(id, answer).map_err(|error| error.to_string())?;
    let mut documents = Documents::new(encoding);
    for message in &connection.receiver {
        match message {
            Message::Request(request) => {
                if connection.handle_shutdown(&request).map_err(|error| error.to_string())? {
                    return Ok(Outcome::Done);
                }
                let response = answer_to(&request, &documents);
                send(connection, Message::Response(response))?;
            }
            Message::Notification(notification) => {
                let Some(uri) = take(notification, &mut documents) else { continue };
                send(connection, Message::Notification(diagnostics(&uri, &documents)))?;
                for user in documents.look_at_users_of(&uri) {
                    send(connection, Message::Notification(diagnostics(&user, &documents)))?;
                }
            }
            Message::Response(_) => {}
        }
    }
    Err("the editor went away without a word; ask it for its log".into())
}

fn send(connection: &Connection, message: Message) -> Result<(), String> {
    connection.sender.send(message).map_err(|error| error.to_string())
}

/// UTF-8 if the editor counts so, else what the protocol has by default.
fn encoding(params: &InitializeParams) -> Encoding {
    let offered =
        params.capabilities.general.as_ref().and_then(|general| general.position_encodings.as_ref());
    match offered.is_some_and(|list| list.contains(&PositionEncodingKind::UTF8)) {
        true => Encoding::Utf8,
        false => Encoding::Utf16,
    }
}

fn capabilities(encoding: Encoding) -> ServerCapabilities {
    ServerCapabilities {
        position_encoding: Some(encoding.kind()),
        text_document_sync: Some(TextDocumentSyncCapability::Kind(TextDocumentSyncKind::INCREMENTAL)),
        hover_provider: Some(HoverProviderCapability::Simple(true)),
        completion_provider: Some(CompletionOptions {
            trigger_characters: Some([" ", "#", ".", ":"].map(str::to_owned).to_vec()),
            ..CompletionOptions::default()
        }),
        definition_provider: Some(OneOf::Left(true)),
        references_provider: Some(OneOf::Left(true)),
        document_formatting_provider: Some(OneOf::Left(true)),
        document_symbol_provider: Some(OneOf::Left(true)),
        code_action_provider: Some(CodeActionProviderCapability::Simple(true)),
        rename_provider: Some(OneOf::Right(RenameOptions {
            prepare_provider: Some(true),
            work_done_progress_options: lsp_types::WorkDoneProgressOptions::default(),
        })),
        ..ServerCapabilities::default()
    }
}

/// Takes a change; the document whose diagnostics are to be told anew.
fn take(notification: Notification, documents: &mut Documents) -> Option<Uri> {
    let Notification { method, params } = notification;
    match method.as_str() {
        DidOpenTextDocument::METHOD => {
            let params: lsp_types::DidOpenTextDocumentParams = serde_json::from_value(params).ok()?;
            documents.open(params.text_document.uri.clone(), params.text_document.text);
            Some(params.text_document.uri)
        }
        DidChangeTextDocument::METHOD => {
            let params: lsp_types::DidChangeTextDocumentParams = serde_json::from_value(params).ok()?;
            documents.change(&params.text_document.uri, params.content_changes);
            Some(params.text_document.uri)
        }
        DidCloseTextDocument::METHOD => {
            let params: lsp_types::DidCloseTextDocumentParams = serde_json::from_value(params).ok()?;
            documents.close(&params.text_document.uri);
            Some(params.text_document.uri)
        }
        _ => None,
    }
}

fn diagnostics(uri: &Uri, documents: &Documents) -> Notification {
    let diagnostics = documents.get(uri).map(requests::diagnostics).unwrap_or_default();
    let params = PublishDiagnosticsParams { uri: uri.clone(), diagnostics, version: None };
    Notification::new(PublishDiagnostics::METHOD.to_owned(), params)
}

fn answer_to(request: &Request, documents: &Documents) -> Response {
    match requests::answer(request, documents) {
        Ok(Some(value)) => Response::new_ok(request.id.clone(), value),
        Ok(None) => Response::new_err(
            request.id.clone(),
            ErrorCode::MethodNotFound as i32,
            format!("`{}` is not supported", request.method),
        ),
        Err(why) => Response::new_err(request.id.clone(), ErrorCode::InvalidParams as i32, why),
    }
}
