//! Looks at every expression and statement of a block: what it may change.

use alloc::boxed::Box;

use super::tree::{
    Block, BlockId, CollectionOp, ExprId, ExprKind, LocalId, Program, StateId, Stmt, StmtKind,
};

/// A variable as a whole.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Root {
    /// A local.
    Local(LocalId),
    /// A state variable.
    State(StateId),
}

impl Program<'_> {
    /// The variable that a place is, or is a part of.
    #[must_use]
    pub fn root(&self, mut place: ExprId) -> Option<Root> {
        loop {
            match self.expr(place).kind {
                ExprKind::Local(local) => return Some(Root::Local(local)),
                ExprKind::State(state) => return Some(Root::State(state)),
                ExprKind::Field(base, ..) | ExprKind::Index(base, _) => place = base,
                ExprKind::Collection(CollectionOp::Get, list) => place = *self.list(list).first()?,
                _ => return None,
            }
        }
    }

    /// Tells whether carrying out what `changes` tells of may change a variable that the value of an
    /// expression is a part of: as it stands, in a branch, or handed through by a function.
    #[must_use]
    pub fn shows_change(&self, value: ExprId, changes: &dyn Fn(Root) -> bool) -> bool {
        let shows = |value: &ExprId| self.shows_change(*value, changes);
        let of_block = |block: &Block| block.value.as_ref().is_some_and(shows);
        let block = |id: BlockId| self.blocks.get(id.index()).is_some_and(of_block);
        match self.expr(value).kind {
            ExprKind::Local(local) => changes(Root::Local(local)),
            ExprKind::State(state) => changes(Root::State(state)),
            ExprKind::Field(base, ..) | ExprKind::Index(base, _) => shows(&base),
            ExprKind::Collection(CollectionOp::Get | CollectionOp::First, list) => {
                self.list(list).first().is_some_and(shows)
            }
            ExprKind::Call(_, list) | ExprKind::CallValue(_, list) => self.list(list).iter().any(shows),
            ExprKind::If(_, then, rest) => block(then) || block(rest),
            // A name in a pattern stands for a part of what is matched.
            ExprKind::Match(subject, arms) => {
                let arms = self.matches.get(arms.index()).map_or(&[][..], |arms| arms);
                shows(&subject) || arms.iter().any(|arm| of_block(&arm.body))
            }
            _ => false,
        }
    }

    /// Tells whether carrying out `block` may change a part of `root`. State may also be changed
    /// by other sections, which run where the block waits for a time or an event.
    #[must_use]
    pub fn changes(&self, block: &Block, root: Root) -> bool {
        block.stmts.iter().any(|stmt| self.stmt_changes(stmt, root))
            || block.value.is_some_and(|value| self.expr_changes(value, root))
    }

    fn place_changes(&self, place: ExprId, root: Root) -> bool {
        self.root(place) == Some(root) || self.expr_changes(place, root)
    }

    fn stmt_changes(&self, stmt: &Stmt, root: Root) -> bool {
        let expr = |id: &ExprId| self.expr_changes(*id, root);
        let block = |block: &Block| self.changes(block, root);
        let otherwise = |rest: &Option<Box<Block>>| rest.as_deref().is_some_and(block);
        match &stmt.kind {
            StmtKind::Let(_, value) | StmtKind::Return(value) | StmtKind::Reply(_, value) => {
                value.as_ref().is_some_and(expr)
            }
            StmtKind::Assign(place, value) | StmtKind::Update(place, _, value) => {
                self.place_changes(*place, root) || expr(value)
            }
            StmtKind::Eval(value)
            | StmtKind::Log(_, value)
            | StmtKind::Record(_, value)
            | StmtKind::Fail(value)
            | StmtKind::Write(_, value) => expr(value),
            StmtKind::If(arms, rest) => {
                arms.iter().any(|(cond, body)| expr(cond) || block(body)) || otherwise(rest)
            }
            StmtKind::While(cond, body) | StmtKind::Repeat(cond, body) => expr(cond) || block(body),
            StmtKind::ForRange(_, start, end, _, body) => expr(start) || expr(end) || block(body),
            StmtKind::ForEach(_, array, body) => expr(array) || block(body),
            StmtKind::Expect(cond, message) => expr(cond) || message.as_ref().is_some_and(expr),
            StmtKind::Read(place, _, rest) => self.place_changes(*place, root) || otherwise(rest),
            StmtKind::Every(_, body) => block(body),
            StmtKind::Wait(_) | StmtKind::Yield(_) => matches!(root, Root::State(_)),
            // While an answer is waited for nothing else of the agent runs.
            StmtKind::Send(sending) => {
                let stored = sending.store.and_then(|(place, _)| self.root(place));
                [sending.bind.map(Root::Local), stored].contains(&Some(root))
                    || self.list(sending.args).iter().any(expr)
                    || otherwise(&sending.otherwise)
            }
            StmtKind::WaitFor { bind, otherwise: rest, .. } => Root::Local(*bind) == root || otherwise(rest),
            StmtKind::Barrier { otherwise: rest, .. } => otherwise(rest),
            StmtKind::Spawn(spawning) => {
                spawning.bind.is_some_and(|place| self.place_changes(place, root))
                    || otherwise(&spawning.otherwise)
            }
            StmtKind::Entrust(entrusting) => expr(&entrusting.agent),
            StmtKind::StopAgent(agent) | StmtKind::GiveUp(agent) => expr(agent),
            StmtKind::Hold(place, ..) => self.place_changes(*place, root),
            StmtKind::ReadHeld(place, held, rest) => {
                self.place_changes(*place, root) || expr(held) || otherwise(rest)
            }
            StmtKind::WriteHeld(held, value) => expr(held) || expr(value),
            // Of C, Python and tests alone, where none stands inside of an expression or of a loop that goes
            // through a copy.
            StmtKind::Rewrite(..) | StmtKind::Loop(_) | StmtKind::Switch(..) | StmtKind::Emit(_) => true,
            StmtKind::Break | StmtKind::Continue | StmtKind::Stop | StmtKind::Subscribe(_) => false,
        }
    }

    /// Tells whether an expression may change a part of `root`.
    #[must_use]
    pub fn expr_changes(&self, id: ExprId, root: Root) -> bool {
        let expr = |id: &ExprId| self.expr_changes(*id, root);
        let block = |id: BlockId| self.blocks.get(id.index()).is_some_and(|block| self.changes(block, root));
        match self.expr(id).kind {
            ExprKind::Int(..)
            | ExprKind::Float(_)
            | ExprKind::Bool(_)
            | ExprKind::Duration(_)
            | ExprKind::Text(_)
            | ExprKind::Local(_)
            | ExprKind::State(_)
            | ExprKind::Param(_)
            | ExprKind::Const(_)
            | ExprKind::Variant(..)
            | ExprKind::Function(_)
            | ExprKind::None
            | ExprKind::Invalid => false,
            ExprKind::Field(value, ..)
            | ExprKind::Unary(_, value)
            | ExprKind::Convert(value)
            | ExprKind::Some(value) => expr(&value),
            ExprKind::CallValue(callee, list) => expr(&callee) || self.list(list).iter().any(expr),
            ExprKind::Index(a, b) | ExprKind::Binary(_, a, b) => expr(&a) || expr(&b),
            ExprKind::Repeat(value, count) => expr(&value) || count.as_ref().is_some_and(expr),
            ExprKind::Interpolate(list)
            | ExprKind::Call(_, list)
            | ExprKind::Builtin(_, list)
            | ExprKind::Array(list)
            | ExprKind::Tagged(_, list)
            | ExprKind::Closure(_, list)
            | ExprKind::Struct(list) => self.list(list).iter().any(expr),
            ExprKind::Collection(op, list) => {
                let changed = self.list(list).first().filter(|_| op.changes());
                changed.is_some_and(|place| self.root(*place) == Some(root))
                    || self.list(list).iter().any(expr)
            }
            ExprKind::If(cond, then, rest) => expr(&cond) || block(then) || block(rest),
            ExprKind::Match(subject, arms) => {
                expr(&subject)
                    || self.matches.get(arms.index()).is_some_and(|arms| {
                        arms.iter()
                            .any(|arm| arm.guard.as_ref().is_some_and(expr) || self.changes(&arm.body, root))
                    })
            }
        }
    }
}
