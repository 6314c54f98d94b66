//! `flux compile`: the pipeline, stage by stage.

use flux_core::assembly::{self, Completion};
use flux_core::compile::{self, Stage};
use flux_core::error::Error;
use flux_core::kind::{self, Kind};
use flux_core::module;
use flux_core::source::Source;
use flux_core::{Level, Severity};

use super::Outcome;
use super::args::{BuildArguments, CompileArguments, InputLanguage, OutputFormat};
use super::terminal::Terminal;
use super::{build, check};

pub(crate) fn compile(arguments: &CompileArguments, terminal: &Terminal) -> Result<Outcome, Error> {
    let level = match &arguments.opt_level {
        Some(text) => compile::level("--opt-level", text)?,
        None => Level::default(),
    };
    match arguments.output_format {
        OutputFormat::Bytecode | OutputFormat::Ir => {}
        OutputFormat::C | OutputFormat::Native | OutputFormat::Obj => {
            return Err(Error::NotSupported("--output-format other than bytecode and ir".into()));
        }
    }
    let wants_text = arguments.emit_fir || arguments.dump_ast || arguments.output_format == OutputFormat::Ir;
    match arguments.input_lang {
        InputLanguage::FluxMd if wants_text => {
            let source = Source::document(&arguments.input)?;
            let stage = if arguments.dump_ast { Stage::Syntax } else { Stage::Fir };
            let (text, diagnostics) = compile::stage(&source, stage, level)?;
            check::show(&source, &diagnostics, terminal);
            if let Some(text) = text {
                write_text(arguments, &text, terminal)?;
            }
            let errors = diagnostics.iter().filter(|row| row.severity() == Severity::Error).count();
            if errors > 0 { Err(Error::Document { name: source.name, errors }) } else { Ok(Outcome::Done) }
        }
        InputLanguage::FluxMd => build::build(
            &BuildArguments {
                files: vec![arguments.input.clone()],
                source: None,
                target: Some(super::args::Target::Bytecode),
                board: None,
                level: arguments.opt_level.clone(),
                output: arguments.output.clone(),
                debug_symbols: false,
                dry_run: false,
            },
            terminal,
        ),
        InputLanguage::Fir => {
            let source = kind::expect(Source::module(&arguments.input)?, Kind::Fir)?;
            if wants_text {
                let text = compile::fir_passes(&source, level)?;
                write_text(arguments, &text, terminal)?;
                return Ok(Outcome::Done);
            }
            write_module(arguments, &compile::fir_text(&source, level)?, terminal)
        }
        InputLanguage::Assembly if !wants_text => {
            let path = arguments.output.as_deref();
            super::module::assemble(&arguments.input, path, Completion::Missing, terminal)
        }
        InputLanguage::Bytecode if !wants_text => {
            let (read, _) = module::load(&arguments.input)?;
            match &arguments.output {
                Some(path) => module::write(path, &read.encode())?,
                None => terminal.print(&assembly::disassemble(&read)),
            }
            Ok(Outcome::Done)
        }
        InputLanguage::Assembly | InputLanguage::Bytecode => Err(Error::NotSupported(
            "FIR of assembly and bytecode: they are made from FIR, not into it".into(),
        )),
        InputLanguage::C => Err(Error::NotSupported("--input-lang c".into())),
    }
}

fn write_text(arguments: &CompileArguments, text: &str, terminal: &Terminal) -> Result<(), Error> {
    match &arguments.output {
        Some(path) => module::write(path, text.as_bytes()),
        None => {
            terminal.print(text);
            Ok(())
        }
    }
}

fn write_module(
    arguments: &CompileArguments,
    made: &module::Module,
    terminal: &Terminal,
) -> Result<Outcome, Error> {
    let path = arguments.output.clone().unwrap_or_else(|| super::module::beside(&arguments.input, "fluxbc"));
    let bytes = made.encode();
    module::write(&path, &bytes)?;
    terminal.say(&format!(
        "wrote {}: {} bytes, sha256 {}",
        path.display(),
        bytes.len(),
        module::identity(made)
    ));
    Ok(Outcome::Done)
}
