//! What is said of a command line that makes no sense: the parser's words, and a hint that helps.

use std::ffi::OsString;

use clap::{
    Arg, CommandFactory, Error,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::Cli;
use crate::problem::Problem;

/// The problem of words that the parser has refused in this text.
pub(super) fn of(error: &Error, text: &str, words: &[OsString]) -> Problem {
    // The parser writes `error: what`, perhaps with a list below, then perhaps `tip: what to do`, then the usage.
    let lines: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
    let message = lines.join(" ");
    let message = blame(message.trim_start_matches("error: "), error, words);
    let tip = text.lines().find_map(|line| line.trim_start().strip_prefix("tip: "));
    let (command, path) = command_in(words);
    let hint = options_instead(&command, &path, error).or_else(|| tip.map(str::to_owned));
    let hint = hint.unwrap_or_else(|| format!("see `{path} --help` for what can be asked"));
    Problem::of_usage(message, hint)
}

/// The hint for an option that a command does not have, unless there is a similar one. The parser would say how to pass
/// it as a value, which is seldom meant.
fn options_instead(command: &clap::Command, path: &str, error: &Error) -> Option<String> {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidArg) else { return None };
    let is_option = error.kind() == ErrorKind::UnknownArgument && word.starts_with('-');
    let has_similar = error.get(ContextKind::SuggestedArg).is_some();
    let options = options_of(command);
    (is_option && !has_similar && !options.is_empty())
        .then(|| format!("its options are {options}; see `{path} --help`"))
}

/// The options of a command, as a list for people.
fn options_of(command: &clap::Command) -> String {
    let shown = command.get_arguments().filter(|argument| !argument.is_hide_set());
    let names: Vec<String> = shown.filter_map(|argument| Some(format!("--{}", argument.get_long()?))).collect();
    match &names[..] {
        [most @ .., last] if !most.is_empty() => format!("{} and {last}", most.join(", ")),
        names => names.concat(),
    }
}

/// The message of an error in a value, which names the variable that the value came from if it was not said.
fn blame(message: &str, error: &Error, words: &[OsString]) -> String {
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else { return message.to_owned() };
    match variable_of(argument, words) {
        Some(variable) => message.replace(&format!("for '{argument}'"), &format!("of the variable {variable}")),
        None => message.to_owned(),
    }
}

/// The variable that stands for an argument such as `--max-size <SIZE>`; none if the words say the option themselves.
fn variable_of(argument: &str, words: &[OsString]) -> Option<String> {
    let option = argument.split([' ', '=']).next()?;
    let long = option.strip_prefix("--")?;
    if words.iter().filter_map(|word| word.to_str()).any(|word| word.split('=').next() == Some(option)) {
        return None;
    }
    let (command, _) = command_in(words);
    let mut arguments = command.get_arguments().filter(|known| known.get_long() == Some(long));
    Some(arguments.find_map(Arg::get_env)?.to_str()?.to_owned())
}

/// The command that words begin with, and its name, such as `zstore cache list`.
fn command_in(words: &[OsString]) -> (clap::Command, String) {
    let mut here = Cli::command();
    let mut path = here.get_name().to_owned();
    for word in words.iter().skip(1) {
        let Some(below) = here.find_subcommand(word).cloned() else { break };
        path = format!("{path} {}", below.get_name());
        here = below;
    }
    (here, path)
}
