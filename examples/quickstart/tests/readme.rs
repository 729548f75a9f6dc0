//! The README's example is this program.

/// What its code and the README's have in common must be the same to the letter.
#[test]
fn the_readme_shows_lines_of_this_program_in_their_order() {
    let program = include_str!("../src/main.rs");
    let readme = include_str!("../../../README.md");
    let example = readme.split("```rust\n").nth(1).unwrap().split("```").next().unwrap();

    let mut rest = program.lines();
    let lines = example.lines().filter(|line| !line.trim().is_empty() && line.trim() != "// …");
    for line in lines.clone() {
        assert!(
            rest.any(|own| own.trim() == line.trim()),
            "not in the program, or not in this order: {line}"
        );
    }
    assert!(lines.count() > 15);
}
