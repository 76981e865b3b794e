"""What is said of how something was asked for."""

SENTENCES = {
    "seed_folded": "{name} {given} lies outside 0 to {most}, so {seed} was used, its remainder.",
}
