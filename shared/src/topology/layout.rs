//! Coordinates for a given width.

use serde::Serialize;

use super::graph::{Item, Topology};

/// Sizes that the layout works with, in pixels of the page.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Metrics {
    /// Between boxes, and between pods.
    pub gap: f64,
    /// Between a box's border and its pods.
    pub padding: f64,
    /// The height of a box's head, with name, conditions and bars.
    pub head_height: f64,
    /// The least width of a node's box; narrower pages have one column that is as wide as they.
    pub node_min_width: f64,
    /// The most columns of nodes.
    pub max_columns: usize,
    /// The least width of a pod.
    pub pod_min_width: f64,
    /// The height of a pod.
    pub pod_height: f64,
    /// How many rows of pods a box has room for even when it has fewer, so that boxes do not grow
    /// with the first pods.
    pub min_rows: usize,
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics {
            gap: 12.0,
            padding: 12.0,
            head_height: 88.0,
            node_min_width: 320.0,
            max_columns: 4,
            pod_min_width: 136.0,
            pod_height: 44.0,
            min_rows: 2,
        }
    }
}

/// A rectangle in pixels, from the picture's upper left corner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rect {
    /// To the right.
    pub x: f64,
    /// Down.
    pub y: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

impl Rect {
    /// Whether the other lies within this one, borders included.
    pub fn contains(&self, other: &Rect) -> bool {
        const ROUNDING: f64 = 1e-6;
        other.x >= self.x - ROUNDING
            && other.y >= self.y - ROUNDING
            && other.x + other.width <= self.x + self.width + ROUNDING
            && other.y + other.height <= self.y + self.height + ROUNDING
    }

    /// Whether the two share more than a border.
    pub fn overlaps(&self, other: &Rect) -> bool {
        self.x < other.x + other.width
            && other.x < self.x + self.width
            && self.y < other.y + other.height
            && other.y < self.y + self.height
    }
}

/// A node's box, or the waiting area, with its pods.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlacedBox {
    /// The node's name; empty for the waiting area.
    pub node: String,
    /// Where the box is.
    pub rect: Rect,
    /// The key of each item and where it is.
    pub items: Vec<(String, Rect)>,
}

/// Where everything is.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Layout {
    /// The width that was given.
    pub width: f64,
    /// The height that came out.
    pub height: f64,
    /// The nodes, in the topology's order, row by row.
    pub nodes: Vec<PlacedBox>,
    /// The waiting area, below all nodes, so that it moves none of them; always there.
    pub waiting: PlacedBox,
}

/// Places a topology on a page of this width, in pixels.
pub fn layout(topology: &Topology, width: f64, metrics: &Metrics) -> Layout {
    let columns = columns(width, metrics.node_min_width, metrics.gap).min(metrics.max_columns.max(1));
    let columns = columns.min(topology.nodes.len().max(1));
    let node_width = column_width(width, columns, metrics.gap);
    let mut y = 0.0;
    let mut nodes = Vec::with_capacity(topology.nodes.len());
    for row in topology.nodes.chunks(columns) {
        let height = row.iter().map(|node| box_height(&node.slots, node_width, metrics)).fold(0.0, f64::max);
        for (column, node) in row.iter().enumerate() {
            let rect = Rect { x: column as f64 * (node_width + metrics.gap), y, width: node_width, height };
            nodes.push(place_box(&node.name, &node.slots, rect, metrics));
        }
        y += height + metrics.gap;
    }
    let rect = Rect { x: 0.0, y, width, height: box_height(&topology.waiting, width, metrics) };
    let waiting = place_box("", &topology.waiting, rect, metrics);
    Layout { width, height: y + rect.height, nodes, waiting }
}

fn place_box(node: &str, slots: &[Option<Item>], rect: Rect, metrics: &Metrics) -> PlacedBox {
    let inner = inner_width(rect.width, metrics);
    let columns = columns(inner, metrics.pod_min_width, metrics.gap);
    let width = column_width(inner, columns, metrics.gap);
    let place = |slot: usize| Rect {
        x: rect.x + metrics.padding + (slot % columns) as f64 * (width + metrics.gap),
        y: rect.y + metrics.head_height + (slot / columns) as f64 * (metrics.pod_height + metrics.gap),
        width,
        height: metrics.pod_height,
    };
    let taken =
        slots.iter().enumerate().filter_map(|(slot, item)| Some((item.as_ref()?.key.clone(), place(slot))));
    PlacedBox { node: node.to_owned(), rect, items: taken.collect() }
}

fn box_height(slots: &[Option<Item>], width: f64, metrics: &Metrics) -> f64 {
    let columns = columns(inner_width(width, metrics), metrics.pod_min_width, metrics.gap);
    let rows = slots.len().div_ceil(columns).max(metrics.min_rows) as f64;
    metrics.head_height + rows * metrics.pod_height + (rows - 1.0).max(0.0) * metrics.gap + metrics.padding
}

fn inner_width(width: f64, metrics: &Metrics) -> f64 {
    (width - 2.0 * metrics.padding).max(0.0)
}

/// How many columns of at least `least` fit; one at least.
fn columns(width: f64, least: f64, gap: f64) -> usize {
    (((width + gap) / (least + gap)).floor() as usize).max(1)
}

fn column_width(width: f64, columns: usize, gap: f64) -> f64 {
    (width - (columns - 1) as f64 * gap) / columns as f64
}
