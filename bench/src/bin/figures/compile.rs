//! Compile speed: generated documents to bytes of a module, and where the time goes.

use flux_fluxc::diag::Sink;
use flux_fluxc::fir::passes::optimize;
use flux_fluxc::lang::syntax;
use flux_fluxc::span::SourceId;
use flux_fluxc::testing::generate_document;
use flux_fluxc::{Level, Options, Sources, analyse, compile, emit, md};

use crate::heap::counted;
use crate::report::{Bound, Failure, Report, median, timed};

/// Lines of a document, and how often it is compiled.
const SIZES: [(usize, usize); 3] = [(1_000, 101), (10_000, 21), (100_000, 7)];

const NAME: &str = "generated.flux.md";

const STAGES: [&str; 7] = ["md", "syntax", "sema", "lower", "passes", "backend", "encode"];

/// Seconds of each stage.
fn stages(source: &str) -> Result<[f64; STAGES.len()], Failure> {
    let mut sink = Sink::new(SourceId(0));
    let (md, _) = timed(|| drop(md::read(source, &mut sink)));
    let (parse, document) = timed(|| syntax::parse(source.as_bytes(), &mut sink));
    let document = document.ok_or("the document is no text")?;
    drop(document);
    let mut sink = Sink::new(SourceId(0));
    let sources = Sources::new(source.as_bytes(), NAME)?;
    let (analysis_time, analysis) = timed(|| analyse(&sources, &mut sink));
    let analysis = analysis.ok_or("the document is no text")?;
    let sema = (analysis_time - parse).max(0.0);
    let (lower, lowered) = timed(|| {
        let lowered = analysis.lower(&mut sink);
        drop(analysis);
        lowered
    });
    let (mut passes, mut backend, mut encode) = (0.0, 0.0, 0.0);
    for mut lowered in lowered {
        passes += timed(|| optimize(&mut lowered.fir, Level::default())).0;
        let (seconds, module) = timed(|| emit(lowered));
        backend += seconds;
        let module = module?;
        encode += timed(|| module.encode()).0;
    }
    // The reader of blocks is part of the syntax stage.
    Ok([md, (parse - md).max(0.0), sema, lower, passes, backend, encode])
}

fn whole(source: &str) -> Result<usize, Failure> {
    let compiled = compile(source.as_bytes(), NAME, &Options::default());
    match compiled.modules.first() {
        Some(module) => Ok(module.encode().len()),
        None => {
            let first = compiled.diagnostics.first().map_or("no module", |first| first.message.as_str());
            Err(format!("the generated document is refused: {first}").into())
        }
    }
}

/// Measures documents of all sizes.
pub fn measure(report: &mut Report) -> Result<(), Failure> {
    let mut per_line = Vec::new();
    for (lines, samples) in SIZES {
        let source = generate_document(lines);
        let count = source.lines().count() as f64;
        let (used, bytes) = counted(|| whole(&source));
        let bytes = bytes?;
        let mut times = Vec::new();
        let mut parts = vec![Vec::new(); STAGES.len()];
        for _ in 0..samples {
            let (seconds, result) = timed(|| whole(&source));
            result?;
            times.push(seconds);
        }
        for _ in 0..samples.div_ceil(2) {
            for (part, seconds) in parts.iter_mut().zip(stages(&source)?) {
                part.push(seconds);
            }
        }
        let seconds = median(&mut times);
        per_line.push(seconds / count);
        report.add(
            format!("document of {lines} lines → module bytes"),
            "lines/s",
            count / seconds,
            Bound::Least(300_000.0),
            Bound::Least(800_000.0),
        );
        let parts: Vec<f64> = parts.iter_mut().map(|part| median(part)).collect();
        let sum: f64 = parts.iter().sum();
        let shares: Vec<String> = STAGES
            .iter()
            .zip(&parts)
            .map(|(name, part)| format!("{name} {:.0} ns ({:.0} %)", part * 1e9 / count, part * 100.0 / sum))
            .collect();
        report.remark(format!(
            "compile {lines}: {:.2} ms, {} bytes of document, {bytes} of module, {:.1} MB heap at most, {:.1} allocations a line; per line {}",
            seconds * 1e3,
            source.len(),
            used.peak / 1e6,
            used.calls / count,
            shares.join(", ")
        ));
    }
    if let [small, .., large] = per_line.as_slice() {
        report.add(
            "time per line, 100 000 lines beside 1 000",
            "×",
            large / small,
            Bound::Most(1.5),
            Bound::Most(1.1),
        );
    }
    Ok(())
}
