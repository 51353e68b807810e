//! A frame as a screen.

use fogline_core::model::NodeName;
use fogline_protocol::api::Presence;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize};
use ratatui::symbols::Marker;
use ratatui::text::Line;
use ratatui::widgets::canvas::{Canvas, Line as Stroke};
use ratatui::widgets::{Block, Paragraph, Row, Table, Widget};

use super::frame::{Frame, NodeRow};
use super::svg;

/// Bytes per second beyond which a link is drawn as busy.
const BUSY: f64 = 100e3;

/// A frame, to be drawn.
pub(crate) struct Screen<'a> {
    frame: &'a Frame,
    /// Where the network was asked.
    url: &'a str,
}

impl<'a> Screen<'a> {
    pub(crate) fn new(frame: &'a Frame, url: &'a str) -> Self {
        Self { frame, url }
    }

    fn drawn(&self, width: u16, height: u16) -> Buffer {
        let area = Rect::new(0, 0, width, height);
        let mut buffer = Buffer::empty(area);
        self.render(area, &mut buffer);
        buffer
    }

    /// As a picture in SVG, of so many characters.
    pub(crate) fn picture(&self, width: u16, height: u16) -> String {
        svg::picture(&self.drawn(width, height))
    }

    /// As text, without colours.
    pub(crate) fn text(&self, width: u16, height: u16) -> String {
        let buffer = self.drawn(width, height);
        let mut text = String::new();
        for y in 0..height {
            let line: String = (0..width).map(|x| buffer[(x, y)].symbol()).collect();
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    fn title(&self) -> Line<'_> {
        let nodes = &self.frame.nodes;
        let there = nodes.iter().filter(|node| node.activity.is_some()).count();
        let sum = |of: fn(&super::frame::Activity) -> f64| -> f64 {
            nodes
                .iter()
                .filter_map(|node| node.activity.as_ref())
                .map(of)
                .sum()
        };
        let requests = sum(|activity| activity.requests_per_s);
        let failures = sum(|activity| activity.failures_per_s);
        let sessions = self.frame.sessions;
        let more = if sessions.more { "+" } else { "" };
        Line::from(format!(
            "fogline top  {}  {there}/{} nodes answer  {} requests/s  {} failures/s  {}{more} sessions",
            self.url,
            nodes.len(),
            number(requests),
            number(failures),
            sessions.counted,
        ))
        .bold()
    }

    fn nodes(&self) -> Table<'_> {
        let rows = self.frame.nodes.iter().map(node);
        let widths = [
            Constraint::Min(10),
            Constraint::Length(8),
            Constraint::Length(9),
            Constraint::Length(5),
            Constraint::Length(5),
            Constraint::Length(7),
            Constraint::Length(8),
            Constraint::Length(8),
            Constraint::Length(7),
            Constraint::Length(8),
            Constraint::Length(8),
            Constraint::Length(9),
            Constraint::Length(7),
        ];
        let titles = [
            "NODE",
            "IS",
            "RUNNING",
            "QUEUE",
            "CPU %",
            "PARTS",
            "REQ/s",
            "EXEC/s",
            "COLD/s",
            "p50 ms",
            "p99 ms",
            "QUEUE p99",
            "MOVES/s",
        ];
        Table::new(rows, widths)
            .header(Row::new(titles).style(Style::new().bold()))
            .block(Block::bordered().title("nodes"))
    }

    fn models(&self) -> Table<'_> {
        let rows = self.frame.models.iter().map(|model| {
            Row::new([
                model.model.to_string(),
                model.sessions.to_string(),
                number(model.commits_per_s),
                number(model.conflicts_per_s),
                bytes(model.moved_bytes_per_s),
            ])
        });
        let widths = [
            Constraint::Min(11),
            Constraint::Length(8),
            Constraint::Length(9),
            Constraint::Length(11),
            Constraint::Length(10),
        ];
        let titles = ["MODEL", "SESSIONS", "COMMITS/s", "CONFLICTS/s", "MOVED/s"];
        Table::new(rows, widths)
            .header(Row::new(titles).style(Style::new().bold()))
            .block(Block::bordered().title("models"))
    }

    /// The nodes on a ring, and lines between those that exchange something or have measured each other.
    fn network(&self, area: Rect, buffer: &mut Buffer) {
        let names: Vec<&NodeName> = self.frame.nodes.iter().map(|node| &node.name).collect();
        let place = |name: &NodeName| {
            let at = names.iter().position(|it| *it == name)?;
            let angle = std::f64::consts::TAU * at as f64 / names.len() as f64;
            Some((libm::cos(angle), libm::sin(angle)))
        };
        let canvas = Canvas::default()
            .block(Block::bordered().title("network: round trip, bytes/s"))
            .marker(Marker::Braille)
            .x_bounds([-1.5, 1.5])
            .y_bounds([-1.2, 1.2])
            .paint(|context| {
                let ends = |link: &&super::frame::LinkRow| Some((place(&link.from)?, place(&link.to)?));
                for link in &self.frame.links {
                    let Some(((x1, y1), (x2, y2))) = ends(&link) else {
                        continue;
                    };
                    let color = match link.bytes_per_s {
                        busy if busy >= BUSY => Color::Yellow,
                        some if some > 0.0 => Color::Green,
                        _ => Color::DarkGray,
                    };
                    context.draw(&Stroke {
                        x1,
                        y1,
                        x2,
                        y2,
                        color,
                    });
                }
                context.layer();
                for link in &self.frame.links {
                    let Some(((x1, y1), (x2, y2))) = ends(&link) else {
                        continue;
                    };
                    let rtt = link.rtt_ms.map(|ms| format!("{} ms", number(ms)));
                    let rate = (link.bytes_per_s > 0.0).then(|| bytes(link.bytes_per_s));
                    let label: Vec<String> = rtt.into_iter().chain(rate).collect();
                    context.print(f64::midpoint(x1, x2), f64::midpoint(y1, y2), label.join(" "));
                }
                for node in &self.frame.nodes {
                    if let Some((x, y)) = place(&node.name) {
                        let style = Style::new().fg(colour(node)).bold();
                        context.print(x, y, Line::styled(format!("[{}]", node.name), style));
                    }
                }
            });
        canvas.render(area, buffer);
    }
}

impl Widget for &Screen<'_> {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        let rows = u16::try_from(self.frame.nodes.len()).unwrap_or(u16::MAX);
        let [title, nodes, below] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Max(rows.saturating_add(3)),
            Constraint::Min(8),
        ])
        .areas(area);
        let [network, models] =
            Layout::horizontal([Constraint::Min(30), Constraint::Length(57)]).areas(below);
        Paragraph::new(self.title()).render(title, buffer);
        Widget::render(self.nodes(), nodes, buffer);
        self.network(network, buffer);
        Widget::render(self.models(), models, buffer);
    }
}

fn node(node: &NodeRow) -> Row<'_> {
    let nothing = || "-".to_owned();
    let figure = |of: fn(&super::frame::Activity) -> Option<f64>| {
        node.activity.as_ref().and_then(of).map_or_else(nothing, number)
    };
    Row::new([
        node.name.to_string(),
        presence(node).to_owned(),
        format!("{}/{}", node.running, node.slots),
        node.queued.to_string(),
        number(f64::from(node.busy_permille) / 10.0),
        node.sessions.to_string(),
        figure(|activity| Some(activity.requests_per_s)),
        figure(|activity| Some(activity.executions_per_s)),
        figure(|activity| Some(activity.coldstarts_per_s)),
        figure(|activity| activity.p50_ms),
        figure(|activity| activity.p99_ms),
        figure(|activity| activity.queue_p99_ms),
        figure(|activity| Some(activity.moves_per_s)),
    ])
    .style(Style::new().fg(colour(node)))
}

fn presence(node: &NodeRow) -> &'static str {
    match node.presence {
        Presence::Alive if node.draining => "draining",
        Presence::Alive => "alive",
        Presence::Silent => "silent",
        Presence::Left => "left",
        Presence::Listed => "listed",
    }
}

fn colour(node: &NodeRow) -> Color {
    match node.presence {
        Presence::Silent | Presence::Left => Color::Red,
        _ if node.draining => Color::Yellow,
        Presence::Alive | Presence::Listed => Color::Reset,
    }
}

/// Three digits, or as many as there are before the point.
fn number(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        small if small < 10.0 => format!("{small:.2}"),
        middle if middle < 100.0 => format!("{middle:.1}"),
        large => format!("{large:.0}"),
    }
}

fn bytes(value: f64) -> String {
    match value {
        small if small < 1e3 => format!("{} B", number(small)),
        middle if middle < 1e6 => format!("{} kB", number(middle / 1e3)),
        large => format!("{} MB", number(large / 1e6)),
    }
}

#[cfg(test)]
mod tests {
    use fogline_core::model::ExecutionModel;
    use fogline_protocol::api::Presence;

    use super::Screen;
    use crate::top::frame::{Activity, Frame, LinkRow, ModelRow, NodeRow, Sessions};

    fn node(name: &str, presence: Presence, activity: Option<Activity>) -> NodeRow {
        NodeRow {
            name: name.parse().unwrap(),
            presence,
            draining: name == "edge-3",
            running: 3,
            queued: 12,
            slots: 4,
            busy_permille: 734,
            sessions: 41,
            activity,
        }
    }

    fn link(from: &str, to: &str, rtt_ms: Option<f64>, bytes_per_s: f64) -> LinkRow {
        LinkRow {
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
            rtt_ms,
            bytes_per_s,
        }
    }

    #[test]
    fn a_frame_is_a_screen() {
        let busy = Activity {
            requests_per_s: 1234.5,
            failures_per_s: 0.5,
            executions_per_s: 1180.0,
            coldstarts_per_s: 12.25,
            moves_per_s: 0.1,
            p50_ms: Some(0.213),
            p99_ms: Some(18.75),
            queue_p99_ms: Some(3.5),
        };
        let model = |model, commits_per_s| ModelRow {
            model,
            sessions: 10,
            commits_per_s,
            conflicts_per_s: commits_per_s / 100.0,
            moved_bytes_per_s: commits_per_s * 4000.0,
        };
        let frame = Frame {
            over_s: 2.0,
            nodes: vec![
                node("cloud", Presence::Alive, Some(Activity::default())),
                node("edge-1", Presence::Alive, Some(busy.clone())),
                node("edge-2", Presence::Silent, None),
                node("edge-3", Presence::Alive, Some(busy)),
            ],
            links: vec![
                link("cloud", "edge-1", Some(120.4), 3.2e6),
                link("edge-1", "edge-3", Some(1.25), 450.0),
                link("cloud", "edge-3", Some(121.0), 0.0),
            ],
            models: ExecutionModel::PAPER
                .iter()
                .zip([0.0, 250.0, 1000.0, 3.5])
                .map(|(it, commits)| model(*it, commits))
                .collect(),
            sessions: Sessions {
                counted: 40,
                more: true,
            },
        };
        let screen = Screen::new(&frame, "http://10.0.0.1:7070").text(130, 30);
        for shown in [
            "3/4 nodes answer",
            "edge-2",
            "silent",
            "draining",
            "1234",
            "in-edge",
            "3.20 MB",
        ] {
            assert!(screen.contains(shown), "{shown}: {screen}");
        }
        // It fits any terminal, or what does not is left out.
        for (width, height) in [(1, 1), (20, 5), (60, 12), (300, 100)] {
            Screen::new(&frame, "http://10.0.0.1:7070").text(width, height);
        }
    }
}
