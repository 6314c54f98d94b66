//! The table: medians, ratios to Erlang first, and what each figure must and should be.

use serde_json::{Value, json};

use crate::measure::{Failure, Sample, Samples, median};
use crate::pause::Pauses;
use crate::scenario::{MUST_BYTES, Scenario, System, WANT_BYTES};

/// One figure on one core, lower is better.
#[derive(Clone, Debug)]
struct Row {
    title: String,
    unit: &'static str,
    /// Of each system, in the order of [`System::ALL`].
    figures: [f64; 3],
    must: Option<f64>,
    want: Option<f64>,
}

impl Row {
    /// How many times as much Erlang takes.
    fn ratio(&self) -> f64 {
        self.figures[1] / self.figures[0]
    }

    /// Whether it is behind Erlang or above its own ceiling.
    fn is_missed(&self) -> bool {
        self.ratio() < 1.0 || self.must.is_some_and(|must| self.figures[0] > must)
    }

    fn verdict(&self) -> &'static str {
        match (self.is_missed(), self.want) {
            (true, _) => "MISSED",
            (false, Some(want)) if self.figures[0] > want => "must",
            (false, _) => "want",
        }
    }

    fn json(&self) -> Value {
        let [flux, erlang, tokio] = self.figures;
        json!({
            "figure": self.title, "unit": self.unit, "flux": flux, "erlang": erlang, "tokio": tokio,
            "erlang_by_flux": self.ratio(), "must": self.must, "want": self.want, "verdict": self.verdict(),
        })
    }
}

/// One figure on two cores.
#[derive(Clone, Debug)]
struct Pair {
    title: &'static str,
    erlang: f64,
    tokio: f64,
}

/// Everything that was measured.
#[derive(Clone, Debug)]
pub struct Report {
    erlang: String,
    rows: Vec<Row>,
    pairs: Vec<Pair>,
    pauses: Vec<Pauses>,
    repetitions: usize,
}

impl Report {
    /// A report beside this release of Erlang.
    pub fn new(erlang: &str) -> Self {
        let (rows, pairs, pauses) = (Vec::new(), Vec::new(), Vec::new());
        Self { erlang: erlang.into(), rows, pairs, pauses, repetitions: 0 }
    }

    /// Adds the medians of a scenario.
    pub fn add(&mut self, scenario: Scenario, cores: usize, samples: &Samples) {
        let medians = |of: fn(&Sample) -> f64| {
            samples
                .of
                .each_ref()
                .map(|samples| median(samples.iter().map(|sample| of(sample) / sample.count)))
        };
        if cores > 1 {
            let [_, erlang, tokio] = medians(|sample| sample.wall_ns);
            self.pairs.push(Pair { title: scenario.title(), erlang, tokio });
            return;
        }
        self.repetitions = samples.of[0].len();
        self.rows.push(Row {
            title: scenario.title().into(),
            unit: match scenario.unit() {
                "actor" => "ns/actor",
                _ => "ns/message",
            },
            figures: medians(|sample| sample.cpu_ns),
            must: scenario.must_ns(),
            want: scenario.want_ns(),
        });
        if scenario == Scenario::Idle {
            self.rows.push(Row {
                title: String::from("memory of an idle one"),
                unit: "bytes",
                figures: medians(|sample| sample.resident),
                must: Some(MUST_BYTES),
                want: Some(WANT_BYTES),
            });
        }
    }

    /// Adds pauses of swaps.
    pub fn add_pauses(&mut self, pauses: &[Pauses]) {
        self.pauses.extend_from_slice(pauses);
    }

    /// Whether pauses depend on how many other agents live.
    fn are_pauses_unequal(&self) -> bool {
        let [few, many] = self.pauses.as_slice() else { return false };
        let ratio = many.pause_ns[0] / few.pause_ns[0];
        few.steps != many.steps || !(0.9..=1.1).contains(&ratio)
    }

    /// Figures that miss what they must reach.
    pub fn missed(&self) -> usize {
        self.rows.iter().filter(|row| row.is_missed()).count() + usize::from(self.are_pauses_unequal())
    }

    /// Prints everything for people.
    pub fn print(&self) {
        let Self { erlang, repetitions, .. } = self;
        if !self.rows.is_empty() {
            println!(
                "FLUX OS beside Erlang/OTP {erlang} and tokio, medians of {repetitions} interleaved samples"
            );
            println!();
            println!(
                "One core, processor time; the ratio is Erlang's by that of FLUX OS, and must be 1 at least."
            );
            println!();
            println!(
                "{:26} {:>7} {:>10} {:>10} {:>10} {:10} {:>8} {:>8}  reaches",
                "", "ratio", "FLUX OS", "Erlang", "tokio", "", "must", "want"
            );
        }
        let bound = |bound: Option<f64>| bound.map_or(String::from("–"), |most| format!("≤ {most:.0}"));
        for row in &self.rows {
            let [flux, erlang, tokio] = row.figures.map(|figure| format!("{figure:.0}"));
            println!(
                "{:26} {:>5.2} × {flux:>10} {erlang:>10} {tokio:>10} {:10} {:>8} {:>8}  {}",
                row.title,
                row.ratio(),
                row.unit,
                bound(row.must),
                bound(row.want),
                row.verdict()
            );
        }
        if !self.pairs.is_empty() {
            println!();
            println!(
                "Two cores, the clock. FLUX OS runs a kernel on one thread: a second core does nothing for it."
            );
            println!();
            println!("{:26} {:>10} {:>10} {:>10}", "", "FLUX OS", "Erlang", "tokio");
        }
        for Pair { title, erlang, tokio } in &self.pairs {
            println!("{title:26} {:>10} {erlang:>10.0} {tokio:>10.0} ns", "–");
        }
        for pauses in &self.pauses {
            let Pauses { others, pause_ns, preparation_ns, steps: [least, most] } = *pauses;
            let [middle, high, longest] = pause_ns.map(|ns| ns / 1e3);
            let [usual, slow, slowest] = preparation_ns.map(|ns| ns / 1e3);
            println!();
            println!(
                "1,000 swaps with {others} other agents, µs of processor time (median, 99 of 100, longest):"
            );
            println!(
                "  pause        {middle:8.1} {high:8.1} {longest:8.1}   {least} to {most} steps of kcore"
            );
            println!("  preparation  {usual:8.1} {slow:8.1} {slowest:8.1}   (load, verify, compare, wire)");
        }
        if self.are_pauses_unequal() {
            println!("MISSED: the pause depends on how many other agents live");
        }
    }

    /// Everything for programs.
    ///
    /// # Errors
    /// That of the serializer.
    pub fn json(&self) -> Result<String, Failure> {
        let pairs = self.pairs.iter().map(|pair| {
            json!({ "figure": pair.title, "unit": "ns", "flux": null, "erlang": pair.erlang, "tokio": pair.tokio })
        });
        let pauses = self.pauses.iter().map(|pauses| {
            json!({
                "others": pauses.others, "pause_ns": pauses.pause_ns,
                "preparation_ns": pauses.preparation_ns, "steps": pauses.steps,
            })
        });
        let all = json!({
            "erlang": self.erlang,
            "repetitions": self.repetitions,
            "one_core": self.rows.iter().map(Row::json).collect::<Vec<Value>>(),
            "two_cores": pairs.collect::<Vec<Value>>(),
            "swap": pauses.collect::<Vec<Value>>(),
            "missed": self.missed(),
            "systems": System::ALL.map(System::name),
        });
        Ok(serde_json::to_string_pretty(&all)?)
    }
}
