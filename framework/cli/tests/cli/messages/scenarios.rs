//! Mistakes in files of scenarios.

use stook_messages::{expect_file, redacted};

use crate::stook;

const CONFIG: &str = "config = '''\n[aggregate.a]\ntopics = [\"t.#\"]\ntimeout = \"10s\"\n'''\n";

/// The lines of a scenario, each set wrong in its own way.
const WRONG: &[(&str, &str)] = &[
    ("no TOML", "[[scenario]\n"),
    ("no scenario", "[[scenaro]]\nname = \"x\"\n"),
    ("nothing in it", "[[scenario]]\n"),
    ("a key that there is not", "[[scenario]]\nname = \"x\"\n@stpes = []\n"),
    ("steps that are none", "[[scenario]]\nname = \"x\"\n@steps = \"none\"\n"),
    ("a step that does nothing", "[[scenario]]\nname = \"x\"\n@steps = [{ at = \"1ms\" }]\n"),
    (
        "a step that does two things",
        "[[scenario]]\nname = \"x\"\n@steps = [{ at = \"1ms\", died = \"p\", force = \"a\" }]\n",
    ),
    ("a step without a time", "[[scenario]]\nname = \"x\"\n@steps = [{ died = \"p\" }]\n"),
    ("a time that is none", "[[scenario]]\nname = \"x\"\n@steps = [{ at = \"soon\", died = \"p\" }]\n"),
    (
        "steps that go back",
        "[[scenario]]\nname = \"x\"\n@steps = [{ at = \"2ms\", died = \"p\" }, { at = \"1ms\", died = \"q\" }]\n",
    ),
    (
        "a key of another step",
        "[[scenario]]\nname = \"x\"\n@steps = [{ at = \"1ms\", died = \"p\", value = 1 }]\n",
    ),
    (
        "a result without a topic",
        "[[scenario]]\nname = \"x\"\n@steps = [{ at = \"1ms\", from = \"p\", id = \"1\", value = 1 }]\n",
    ),
    (
        "a result that says nothing",
        "[[scenario]]\nname = \"x\"\n@steps = [{ at = \"1ms\", from = \"p\", topic = \"t.x\", id = \"1\" }]\n",
    ),
    (
        "JSON that is none",
        "[[scenario]]\nname = \"x\"\n@steps = [{ at = \"1ms\", from = \"p\", topic = \"t.x\", id = \"1\", json = '{' }]\n",
    ),
    (
        "names that are none",
        "[[scenario]]\nname = \"x\"\n@steps = [{ at = \"1ms\", from = \"no id\", topic = \"T\", id = \"\", value = 1 }]\n",
    ),
    (
        "an aggregate that there is not",
        "[[scenario]]\nname = \"x\"\n@steps = [{ at = \"1ms\", open = \"b\", id = \"1\", expected = [\"p\"] }]\nexpect = [{ aggregate = \"c\" }]\n",
    ),
    (
        "a task that there is not",
        "[[scenario]]\nname = \"x\"\n@steps = [{ at = \"1ms\", finished = \"p\" }]\n",
    ),
    (
        "a way to deliver that there is not",
        "[[scenario]]\nname = \"x\"\n@steps = [{ at = \"1ms\", deliver = \"maybe\" }]\n",
    ),
    (
        "expectations that can never be",
        "[[scenario]]\nname = \"x\"\n@expect = [{ outcom = \"partial\" }, { outcome = \"good\" }, { reason = \"none\" }, { missing = 5 }]\n",
    ),
    ("refusals that can never be", "[[scenario]]\nname = \"x\"\n@refused = [{ reason = \"bored\" }]\n"),
    ("brackets that are too few", "[scenario]\nname = \"x\"\n@"),
    (
        "a time after the end",
        "[[scenario]]\nname = \"x\"\n@steps = [{ at = \"1ms\", force = \"a\" }]\nexpect = [{ at = \"1s\" }]\n",
    ),
    (
        "reasons and collectors that cannot come",
        "[[scenario]]\nname = \"x\"\n@steps = [{ at = \"1ms\", open = \"a\", id = [\"1\"], expected = [\"p1\"] }, { at = \"1ms\", died = \"p2\" }]\n\
         expect = [{ reason = \"timout\" }, { reason = \"timeout\", outcome = \"complete\" }, { missing = [\"p3\"] }]\n",
    ),
    (
        "a set without its key",
        "[[scenario]]\nname = \"x\"\nconfig = \"aggregate.a = { topics = ['t'], timeout = '1s', key = ['host', ['os', 'name']] }\"\n\
         steps = [{ at = \"1ms\", open = \"a\", expected = [\"p1\"] }]\n",
    ),
    (
        "counts that are none",
        "[[scenario]]\nname = \"x\"\n@expect = [{ results = \"1\", revision = 0, contributors = [{ sequence = 1 }] }]\ncounters = { late = -1, refused = { lat = 1 } }\n",
    ),
    ("a config that is refused", "[[scenario]]\nname = \"x\"\nconfig = '[aggregate.a]'\n"),
    ("a config that is taken", "[[scenario]]\nname = \"x\"\n@error = \"`topics` is missing\"\n"),
];

#[test]
fn mistakes() {
    let directory = tempfile::tempdir().unwrap();
    let mut page = String::new();
    for (what, text) in WRONG {
        let path = directory.path().join("x.toml");
        std::fs::write(&path, text.replace('@', CONFIG)).unwrap();
        let ran = stook(&["test", path.to_str().unwrap()]);
        page += &format!("# {what}\n\nexit {}\n{}{}\n", ran.code, ran.out, ran.err);
    }
    let ran = stook(&["test", "no/such.toml"]);
    page += &format!("# a file that there is not\n\nexit {}\n{}{}", ran.code, ran.out, ran.err);
    let page = redacted(&page, &[(directory.path().to_str().unwrap(), "DIR")]);
    expect_file!["scenarios.txt"].assert_eq(&page);
}
