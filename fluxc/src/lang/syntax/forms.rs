//! The forms of steps by their first word, with an example each, for the parser and for messages.

use super::nearest::distance;

macro_rules! forms {
    ($($variant:ident $word:literal, $example:literal;)*) => {
        /// The first word of a step.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub(super) enum Keyword { $($variant),* }

        /// All first words with an example of the form.
        pub(super) const FORMS: &[(Keyword, &str, &str)] =
            &[$((Keyword::$variant, $word, $example)),*];

        impl Keyword {
            /// A step of this form.
            pub(super) fn example(self) -> &'static str {
                FORMS.iter().find(|form| form.0 == self).map_or("", |form| form.2)
            }

            /// The keyword that `word` is, letter case aside.
            pub(super) fn of(word: &str) -> Option<Self> {
                let mut lower = [0_u8; 9];
                let lower = lower.get_mut(..word.len())?;
                lower.copy_from_slice(word.as_bytes());
                lower.make_ascii_lowercase();
                FORMS.iter().find(|form| form.1.as_bytes().eq_ignore_ascii_case(lower)).map(|form| form.0)
            }
        }
    };
}

forms! {
    Read "Read", "Read temperature from I2C sensor (addr 0x48)";
    Write "Write", "Write 1 to GPIO pin 27";
    Set "Set", "Set average to (average * 9 + temperature) / 10";
    Let "Let", "Let limit be threshold + 2";
    Add "Add", "Add 1 to alarms";
    Subtract "Subtract", "Subtract 1 from alarms";
    If "If", "If temperature is above 30:";
    Otherwise "Otherwise", "Otherwise:";
    Else "Else", "Otherwise:";
    Repeat "Repeat", "Repeat 5 times:";
    While "While", "While x < 10:";
    For "For", "For each r in readings:";
    Every "Every", "Every 60s: Log \"still here\"";
    Wait "Wait", "Wait 500ms";
    Yield "YIELD", "YIELD";
    Tell "TELL", "TELL cloud-agent: publish_metric(temp, device_id)";
    Ask "ASK", "ASK clock-agent: now() as t within 2s";
    Delegate "DELEGATE", "DELEGATE to alert-agent: send_notification(temp, location)";
    Reply "Reply", "Reply with average";
    Publish "Publish", "Publish temperature on \"greenhouse/temp\"";
    Subscribe "Subscribe", "Subscribe to \"alerts\"";
    Spawn "Spawn", "Spawn worker from \"worker.flux.md\" as w";
    Grant "Grant", "Grant IO_READ to w";
    Revoke "Revoke", "Revoke IO_READ from w";
    Stop "Stop", "Stop";
    Log "Log", "Log \"temp is {temperature}\"";
    Record "Record", "Record latency 12.5 ms";
    Call "Call", "Call recalibrate(temperature)";
    Fail "Fail", "Fail \"sensor is gone\"";
    Given "Given", "Given temperature is 18";
    When "When", "When 20s pass";
    Expect "Expect", "Expect heating is true";
}

/// Words that people use for a form.
const MEANT: &[(&str, Keyword)] = &[
    ("answer", Keyword::Reply),
    ("assert", Keyword::Expect),
    ("assign", Keyword::Set),
    ("broadcast", Keyword::Publish),
    ("change", Keyword::Set),
    ("check", Keyword::If),
    ("decrease", Keyword::Subtract),
    ("define", Keyword::Let),
    ("delay", Keyword::Wait),
    ("echo", Keyword::Log),
    ("emit", Keyword::Publish),
    ("exit", Keyword::Stop),
    ("foreach", Keyword::For),
    ("get", Keyword::Read),
    ("increase", Keyword::Add),
    ("increment", Keyword::Add),
    ("decrement", Keyword::Subtract),
    ("invoke", Keyword::Call),
    ("loop", Keyword::Repeat),
    ("kill", Keyword::Stop),
    ("measure", Keyword::Read),
    ("notify", Keyword::Tell),
    ("output", Keyword::Write),
    ("pause", Keyword::Wait),
    ("print", Keyword::Log),
    ("query", Keyword::Ask),
    ("raise", Keyword::Fail),
    ("request", Keyword::Ask),
    ("return", Keyword::Reply),
    ("respond", Keyword::Reply),
    ("run", Keyword::Call),
    ("sample", Keyword::Read),
    ("send", Keyword::Tell),
    ("sleep", Keyword::Wait),
    ("start", Keyword::Spawn),
    ("store", Keyword::Set),
    ("switch", Keyword::Set),
    ("then", Keyword::Expect),
    ("turn", Keyword::Set),
    ("unless", Keyword::If),
    ("until", Keyword::While),
    ("update", Keyword::Set),
    ("warn", Keyword::Log),
];

/// Tells whether `word` is a misspelt `keyword`, or stands for it with the same words after it.
pub(super) fn is_near(word: &str, keyword: &str) -> bool {
    let limit = if keyword.len() <= 5 { 1 } else { 2 };
    distance(word, keyword).is_some_and(|edits| edits <= limit)
        || stands_for(word).is_some_and(|form| form.split(' ').next() == Some(keyword))
}

/// What takes the place of a first word, with nothing else changed.
pub(super) fn stands_for(word: &str) -> Option<&'static str> {
    const SAME: &[(&str, &str)] = &[
        ("answer", "Reply"),
        ("assert", "Expect"),
        ("delay", "Wait"),
        ("echo", "Log"),
        ("get", "Read"),
        ("measure", "Read"),
        ("pause", "Wait"),
        ("print", "Log"),
        ("return", "Reply with"),
        ("sample", "Read"),
        ("sleep", "Wait"),
        ("then", "Expect"),
    ];
    SAME.iter().find(|(used, _)| used.eq_ignore_ascii_case(word)).map(|(_, form)| *form)
}

/// The forms nearest to a first word: at most three, the nearest first; never none.
pub(super) fn nearest_forms(word: &str) -> [Option<&'static (Keyword, &'static str, &'static str)>; 3] {
    let mut found = [None; 3];
    let meant = MEANT.iter().find(|(used, _)| used.eq_ignore_ascii_case(word));
    let meant = meant.and_then(|(_, keyword)| FORMS.iter().find(|form| form.0 == *keyword));
    let near = |edits: u8| {
        FORMS
            .iter()
            .filter(move |form| is_near(word, form.1) && distance(word, form.1).is_some_and(|d| d == edits))
    };
    let usual = FORMS.iter().filter(|form| matches!(form.0, Keyword::Read | Keyword::Set | Keyword::Tell));
    let any_near = meant.is_some() || near(1).next().is_some() || near(2).next().is_some();
    let all = meant.into_iter().chain(near(1)).chain(near(2)).chain(usual.filter(|_| !any_near));
    for (place, form) in found.iter_mut().zip(all) {
        *place = Some(form);
    }
    found
}
