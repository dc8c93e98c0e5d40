//! `zstore cache clear`: all blobs leave, or all of one namespace.

use std::io::{self, BufRead, IsTerminal, Write};

use zstore_format::BlobName;

use crate::{
    args::ClearOptions,
    directory::{Census, Holdings, Removal, Root},
    output,
    problem::Problem,
    progress::Progress,
    size::counted,
};

pub(super) fn run(options: &ClearOptions) -> Result<(), Problem> {
    let can_ask = io::stdin().is_terminal() && io::stderr().is_terminal();
    if !options.yes && !can_ask {
        return Err(Problem::of_usage(
            "nobody can be asked here, where there is no terminal",
            "say --yes to remove them",
        ));
    }
    let root = Root::open(&options.directory)?;
    let (names, holdings) = match &options.namespace {
        None => {
            let holdings = Holdings::find(&root)?;
            (holdings.blobs.clone(), holdings)
        }
        Some(namespace) => {
            let census = Census::take(&root)?.of_namespace(Some(namespace))?;
            let residents = census.residents.iter().map(|resident| resident.name);
            let flawed = census.flawed.iter().map(|flawed| flawed.name);
            (residents.chain(flawed).collect(), census.holdings)
        }
    };
    if !names.is_empty() && !options.yes {
        let blobs = counted(names.len() as u64, "blob");
        let question = format!("Remove {blobs} from {}? [y/N] ", root.path().display());
        if !is_agreed(&question, &mut io::stdin().lock(), &mut io::stderr()) {
            return Err(Problem::new("nothing was removed", "answer y, or say --yes"));
        }
    }
    let removal = remove(&root, &names, &holdings);
    output::print(&if options.json { output::json(&removal)? } else { removal.line("removed") })?;
    removal.refuse_failures()
}

fn remove(root: &Root, names: &[BlobName], holdings: &Holdings) -> Removal {
    let progress = Progress::of_blobs("removing", names.len() as u64);
    let mut removal = Removal::default();
    removal.leftovers(root, &holdings.temporaries);
    for name in names {
        removal.blob(root, name);
        progress.advance(1);
    }
    removal.finish(root);
    removal
}

/// Asks a person, and takes anything but a yes for a no.
fn is_agreed(question: &str, answers: &mut impl BufRead, asks: &mut impl Write) -> bool {
    let mut answer = String::new();
    let is_asked = asks.write_all(question.as_bytes()).and_then(|()| asks.flush()).is_ok();
    is_asked && answers.read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes" | "Yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_one() {
        for (answer, agreed) in
            [("y\n", true), ("yes\n", true), ("Y", true), ("n\n", false), ("\n", false), ("", false), ("yess\n", false)]
        {
            let mut asked = Vec::new();
            assert_eq!(is_agreed("Sure? ", &mut answer.as_bytes(), &mut asked), agreed, "{answer:?}");
            assert_eq!(asked, b"Sure? ");
        }
    }
}
