"""A real client library drives `flux lsp` as an editor does."""

import asyncio
import os
import time

import pytest
import pytest_lsp
from lsprotocol import types
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities

FLUX = os.environ["FLUX"]
URI = "file:///apps/pump.flux.md"

TEXT = """# Pump
## Agent
name: pump
capabilities: IO_READ, IO_WRITE, COMMUNICATE
## Config
- limit: f64 = 30 \u2014 \u00b0C, above it the pump runs
## State
- starts: int = 0
## Loop
1. Read temperature from I2C sensor (addr 0x48)
2. If temp > limit: Add 1 to starts
3. TELL keeper: note(starts)
4. YIELD
"""

KEEPER = """# Keeper
## Agent
name: keeper
## On note(count: int)
1. Log "{count}"
"""


@pytest_lsp.fixture(config=ClientServerConfig(server_command=[FLUX, "lsp"]))
async def client(lsp_client: LanguageClient):
    params = types.InitializeParams(capabilities=client_capabilities("visual-studio-code"))
    await lsp_client.initialize_session(params)
    yield
    await lsp_client.shutdown_session()


def opened(client, uri, text):
    item = types.TextDocumentItem(uri=uri, language_id="flux-md", version=1, text=text)
    client.text_document_did_open(types.DidOpenTextDocumentParams(text_document=item))


def place(text, word, nth=0):
    at = -1
    for _ in range(nth + 1):
        at = text.index(word, at + 1)
    line = text.count("\n", 0, at)
    return types.Position(line=line, character=at - (text.rfind("\n", 0, at) + 1))


def document(uri=URI):
    return types.TextDocumentIdentifier(uri=uri)


@pytest.mark.asyncio
async def test_diagnostics_follow_the_typing(client: LanguageClient):
    opened(client, URI, TEXT)
    await client.wait_for_notification("textDocument/publishDiagnostics")
    assert all(row.severity != types.DiagnosticSeverity.Error for row in client.diagnostics[URI])
    start = place(TEXT, "YIELD")
    end = types.Position(line=start.line, character=start.character + 5)
    change = types.TextDocumentContentChangePartial(range=types.Range(start=start, end=end), text="Jump 3")
    client.text_document_did_change(
        types.DidChangeTextDocumentParams(
            text_document=types.VersionedTextDocumentIdentifier(uri=URI, version=2), content_changes=[change]
        )
    )
    await client.wait_for_notification("textDocument/publishDiagnostics")
    rows = [row for row in client.diagnostics[URI] if row.severity == types.DiagnosticSeverity.Error]
    assert [row.code for row in rows] == ["E0301"]
    assert rows[0].range.start == start


@pytest.mark.asyncio
async def test_hover_tells_type_and_help(client: LanguageClient):
    opened(client, URI, TEXT)
    position = place(TEXT, "limit", 1)
    found = await client.text_document_hover_async(
        types.HoverParams(text_document=document(), position=position)
    )
    assert "limit: f64 = 30" in found.contents.value and "above it the pump runs" in found.contents.value


@pytest.mark.asyncio
async def test_completion_offers_steps_and_devices(client: LanguageClient):
    text = TEXT + "5. "
    opened(client, URI, text)
    last = text.count("\n")

    async def labels(character):
        found = await client.text_document_completion_async(
            types.CompletionParams(text_document=document(), position=types.Position(last, character))
        )
        return [item.label for item in (found if isinstance(found, list) else found.items)]

    assert "Read" in await labels(3)
    text += "Read x from "
    opened(client, URI, text)
    assert "I2C sensor (addr 0x48)" in await labels(15)


@pytest.mark.asyncio
async def test_a_message_leads_to_the_handler_of_another_document(client: LanguageClient):
    opened(client, URI, TEXT)
    other = "file:///apps/keeper.flux.md"
    opened(client, other, KEEPER)
    found = await client.text_document_definition_async(
        types.DefinitionParams(text_document=document(), position=place(TEXT, "note"))
    )
    location = found[0] if isinstance(found, list) else found
    assert location.uri == other and location.range.start == place(KEEPER, "note")


@pytest.mark.asyncio
async def test_rename_changes_every_use_and_refuses_what_others_know(client: LanguageClient):
    opened(client, URI, TEXT)
    position = place(TEXT, "starts", 1)
    uses = await client.text_document_references_async(
        types.ReferenceParams(
            text_document=document(), position=position, context=types.ReferenceContext(include_declaration=True)
        )
    )
    assert len(uses) == TEXT.count("starts")
    edit = await client.text_document_rename_async(
        types.RenameParams(text_document=document(), position=position, new_name="count")
    )
    assert len(edit.changes[URI]) == TEXT.count("starts")
    with pytest.raises(Exception, match="already"):
        await client.text_document_rename_async(
            types.RenameParams(text_document=document(), position=position, new_name="limit")
        )


@pytest.mark.asyncio
async def test_a_hint_is_an_edit(client: LanguageClient):
    text = TEXT.replace("capabilities: IO_READ, IO_WRITE, COMMUNICATE", "capabilities: COMMUNICATE")
    opened(client, URI, text)
    await client.wait_for_notification("textDocument/publishDiagnostics")
    row = next(row for row in client.diagnostics[URI] if row.code == "E0601")
    actions = await client.text_document_code_action_async(
        types.CodeActionParams(
            text_document=document(), range=row.range, context=types.CodeActionContext(diagnostics=[row])
        )
    )
    edits = [edit for action in actions for edit in action.edit.changes[URI]]
    assert any("IO_READ" in edit.new_text for edit in edits)


@pytest.mark.asyncio
async def test_format_gives_the_canonical_layout(client: LanguageClient):
    opened(client, URI, TEXT.replace("temp > limit", "temp>limit"))
    options = types.FormattingOptions(tab_size=2, insert_spaces=True)
    edits = await client.text_document_formatting_async(
        types.DocumentFormattingParams(text_document=document(), options=options)
    )
    assert len(edits) == 1 and "If temp > limit" in edits[0].new_text


@pytest.mark.asyncio
async def test_five_hundred_lines_are_answered_at_once(client: LanguageClient):
    body = "".join(f"{n}. Add {n} to starts\n" for n in range(5, 500))
    opened(client, URI, TEXT + body)
    await client.wait_for_notification("textDocument/publishDiagnostics")
    position = place(TEXT, "limit", 1)
    answers = []
    for _ in range(5):
        answers.append(
            await client.text_document_hover_async(
                types.HoverParams(text_document=document(), position=position)
            )
        )
    # A figure, not a bound: machines are noisy.
    start = time.perf_counter()
    await client.text_document_hover_async(types.HoverParams(text_document=document(), position=position))
    print(f"hover in a document of 500 lines: {(time.perf_counter() - start) * 1e3:.2f} ms")
    assert all("limit" in answer.contents.value for answer in answers)
    await asyncio.sleep(0)
