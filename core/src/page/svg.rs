//! The graph as SVG; colours come from the style of the page, so they follow light and dark.

use std::fmt::Write as _;

use super::escape::escape;
use super::graph::{Graph, Node, NodeKind};

const HEIGHT: usize = 30;
const GAP: usize = 16;
const BETWEEN: usize = 56;
/// Most nodes that are drawn; more could not be read.
const MOST: usize = 200;

/// Draws the graph from left to right.
pub(super) fn draw(out: &mut String, graph: &Graph) {
    let mut graph = graph.clone();
    if graph.nodes.is_empty() {
        return;
    }
    if graph.nodes.len() > MOST {
        let _ = writeln!(out, "<p>The graph has {} nodes, which is too many to draw.</p>", graph.nodes.len());
        return;
    }
    let layers = graph.lay_out();
    let widths: Vec<usize> = (0..layers.len())
        .map(|layer| {
            let labels = graph.nodes.iter().filter(|node| node.layer == layer).map(width);
            labels.max().unwrap_or(0)
        })
        .collect();
    let starts: Vec<usize> = widths
        .iter()
        .scan(2, |at, width| {
            let start = *at;
            *at += width + BETWEEN;
            Some(start)
        })
        .collect();
    let tallest = layers.iter().max().copied().unwrap_or(1);
    let total = tallest * (HEIGHT + GAP) - GAP + 4;
    let across = starts.last().copied().unwrap_or(0) + widths.last().copied().unwrap_or(0) + 2;
    let corner = |node: &Node| {
        let count = layers.get(node.layer).copied().unwrap_or(1);
        let height = count * (HEIGHT + GAP) - GAP;
        let top = (total - height) / 2 + node.place * (HEIGHT + GAP);
        (starts.get(node.layer).copied().unwrap_or(0), top)
    };
    let _ = writeln!(
        out,
        "<div class=\"wide\"><svg viewBox=\"0 0 {across} {total}\" width=\"{across}\" height=\"{total}\" role=\"img\" \
         aria-label=\"calls and messages\"><defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" \
         markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\"/></marker></defs>"
    );
    for (from, to) in &graph.edges {
        let (Some(from), Some(to)) = (graph.nodes.get(*from), graph.nodes.get(*to)) else { continue };
        edge(out, (corner(from), width(from)), (corner(to), width(to)), from.layer < to.layer);
    }
    for node in &graph.nodes {
        let (x, y) = corner(node);
        let width = width(node);
        let (class, radius) = match node.kind {
            NodeKind::Section => ("section", 4),
            NodeKind::Function => ("function", 4),
            NodeKind::Agent => ("agent", 15),
            NodeKind::Topic => ("topic", 15),
            NodeKind::Device => ("device", 0),
        };
        let _ = writeln!(
            out,
            "<g class=\"{class}\"><title>{class}</title><rect x=\"{x}\" y=\"{y}\" width=\"{width}\" \
             height=\"{HEIGHT}\" rx=\"{radius}\"/><text x=\"{}\" y=\"{}\">{}</text></g>",
            x + width / 2,
            y + 20,
            escape(&shown(node))
        );
    }
    out.push_str(
        "</svg></div>\n<p class=\"key\"><span class=\"section\">section</span> <span class=\"function\">function</span> \
         <span class=\"agent\">agent</span> <span class=\"topic\">topic</span> <span class=\"device\">device</span></p>\n",
    );
}

fn edge(out: &mut String, from: ((usize, usize), usize), to: ((usize, usize), usize), forward: bool) {
    let ((x1, y1), w1) = from;
    let ((x2, y2), _) = to;
    let (y1, y2) = (y1 + HEIGHT / 2, y2 + HEIGHT / 2);
    let (x1, x2) = (x1 + w1, x2);
    let bend = BETWEEN / 2;
    if forward {
        let _ = writeln!(
            out,
            "<path class=\"edge\" d=\"M{x1} {y1}C{} {y1} {} {y2} {x2} {y2}\"/>",
            x1 + bend,
            x2.saturating_sub(bend)
        );
    } else {
        // Back to an earlier layer: out on the right, in on the left, round below.
        let low = y1.max(y2) + HEIGHT;
        let _ = writeln!(
            out,
            "<path class=\"edge back\" d=\"M{x1} {y1}C{} {low} {} {low} {x2} {y2}\"/>",
            x1 + bend,
            x2.saturating_sub(bend)
        );
    }
}

fn shown(node: &Node) -> String {
    let label: String = node.label.chars().take(32).collect();
    if label.len() < node.label.len() { format!("{label}…") } else { label }
}

/// Room for the label: 8 units for a character of the page's font at 13, which is on the wide side.
fn width(node: &Node) -> usize {
    shown(node).chars().count() * 8 + 20
}
