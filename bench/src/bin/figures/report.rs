//! Samples, medians, and the table that they end in.

use cpu_time::ThreadTime;

/// Why a part could not be measured.
pub type Failure = Box<dyn std::error::Error>;

/// What a figure has to be, or should be, in its own unit.
#[derive(Clone, Copy, Debug)]
pub enum Bound {
    /// At least this.
    Least(f64),
    /// At most this.
    Most(f64),
    /// There is none.
    None,
}

impl Bound {
    /// How far a figure is on the right side: 2 is twice as good as asked for.
    fn ratio(self, figure: f64) -> Option<f64> {
        match self {
            Self::Least(least) => Some(figure / least),
            Self::Most(most) => Some(most / figure),
            Self::None => None,
        }
    }

    fn show(self) -> String {
        match self {
            Self::Least(least) => format!("≥ {}", number(least)),
            Self::Most(most) => format!("≤ {}", number(most)),
            Self::None => String::from("—"),
        }
    }
}

/// One figure of the table.
#[derive(Clone, Debug)]
struct Row {
    name: String,
    unit: &'static str,
    figure: f64,
    must: Bound,
    aim: Bound,
}

/// All figures of a run, and remarks below them.
#[derive(Clone, Debug, Default)]
pub struct Report {
    rows: Vec<Row>,
    remarks: Vec<String>,
}

impl Report {
    /// Adds a figure.
    pub fn add(&mut self, name: impl Into<String>, unit: &'static str, figure: f64, must: Bound, aim: Bound) {
        self.rows.push(Row { name: name.into(), unit, figure, must, aim });
    }

    /// Adds a line below the table.
    pub fn remark(&mut self, text: impl Into<String>) {
        self.remarks.push(text.into());
    }

    /// Figures that miss what they must reach.
    pub fn missed(&self) -> usize {
        self.rows.iter().filter(|row| row.must.ratio(row.figure).is_some_and(|ratio| ratio < 1.0)).count()
    }

    /// Prints the table: ratios to what must be first.
    pub fn print(&self) {
        println!(
            "{:>8} {:>8}  {:52} {:>12} {:10} {:>12} {:>12}",
            "of must", "of aim", "figure", "", "", "must", "aim"
        );
        let ratio =
            |bound: Bound, figure| bound.ratio(figure).map_or(String::from("—"), |r| format!("{r:.2} ×"));
        for row in &self.rows {
            println!(
                "{:>8} {:>8}  {:52} {:>12} {:10} {:>12} {:>12}",
                ratio(row.must, row.figure),
                ratio(row.aim, row.figure),
                row.name,
                number(row.figure),
                row.unit,
                row.must.show(),
                row.aim.show(),
            );
        }
        for remark in &self.remarks {
            println!("{remark}");
        }
    }
}

/// A number with three or more significant digits and marks between thousands.
fn number(value: f64) -> String {
    if value.abs() < 100.0 {
        return format!("{value:.3}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// Runs `work` and tells how many seconds of processor time it took.
pub fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let start = ThreadTime::now();
    let result = work();
    (start.elapsed().as_secs_f64(), result)
}

/// The median; 0 without samples.
pub fn median(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    match samples.len() {
        0 => 0.0,
        count if count % 2 == 1 => samples[count / 2],
        count => (samples[count / 2 - 1] + samples[count / 2]) / 2.0,
    }
}
