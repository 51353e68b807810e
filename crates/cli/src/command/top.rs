//! `fogline top`.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use ratatui::crossterm::event::{self, Event, KeyCode, KeyModifiers};

use super::bench::at_most_a_day;
use crate::failure::Failure;
use crate::output;
use crate::remote::{Address, Network};
use crate::top::{Frame, Screen, Watched};

/// What is printed once is as wide and high as this.
const PRINTED: (u16, u16) = (130, 32);

/// The arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    network: Address,
    /// How long between two looks, as 500ms or 10s
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = at_most_a_day)]
    every: Duration,
    /// Look twice, print what happened between, and end
    #[arg(long)]
    once: bool,
    /// With --once: how it is printed
    #[arg(short, long, value_enum, default_value_t, requires = "once")]
    output: Shape,
}

/// How a screen is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Shape {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
    /// As a picture.
    Svg,
}

/// Does it.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let network = args.network.connect()?;
    let mut watched = Watched::new(network.client.clone(), network.token.clone());
    if args.once {
        network.wait(watched.look())?;
        std::thread::sleep(args.every);
        let frame = network.wait(watched.look())?;
        let screen = Screen::new(&frame, network.client.url());
        return match args.output {
            Shape::Json => output::json(&frame),
            Shape::Text => output::data(&screen.text(PRINTED.0, PRINTED.1)),
            Shape::Svg => output::data(&screen.picture(PRINTED.0, PRINTED.1)),
        };
    }
    if !std::io::stdout().is_terminal() {
        return Err(Failure::usage(
            "standard output is no terminal",
            "add --once to print one screen",
        ));
    }
    let mut terminal = ratatui::try_init().map_err(terminal_failed)?;
    let ended = watch(&network, &mut watched, args.every, &mut terminal);
    // Also after an error: it is told on a terminal as it was before.
    ratatui::restore();
    ended
}

/// Shows one frame after the other, until somebody wants it to end.
fn watch(
    network: &Network,
    watched: &mut Watched,
    every: Duration,
    terminal: &mut ratatui::DefaultTerminal,
) -> Result<(), Failure> {
    loop {
        let until = Instant::now() + every;
        let frame = network.wait(watched.look())?;
        draw(&frame, network, terminal)?;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            if !event::poll(left).map_err(terminal_failed)? {
                break;
            }
            match event::read().map_err(terminal_failed)? {
                Event::Key(key) if is_end(key) => return Ok(()),
                Event::Resize(..) => draw(&frame, network, terminal)?,
                _ => {}
            }
        }
    }
}

fn draw(frame: &Frame, network: &Network, terminal: &mut ratatui::DefaultTerminal) -> Result<(), Failure> {
    let screen = Screen::new(frame, network.client.url());
    terminal
        .draw(|it| it.render_widget(&screen, it.area()))
        .map_err(terminal_failed)?;
    Ok(())
}

/// In this mode of the terminal Ctrl-C is a key like others.
fn is_end(key: event::KeyEvent) -> bool {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    matches!(key.code, KeyCode::Char('q') | KeyCode::Esc) || control && key.code == KeyCode::Char('c')
}

fn terminal_failed(source: std::io::Error) -> Failure {
    Failure::System {
        doing: "drawing on the terminal".to_owned(),
        hint: "add --once to print one screen".to_owned(),
        source,
    }
}
