// Bounds of routing, each with its reason.
#pragma once

#include <chrono>
#include <cstddef>

namespace tandem::routing {

// Forwardings of one call, one after the other: a colleague, his mobile, the office, a mailbox; and
// as many again. Beyond that somebody plays.
inline constexpr size_t kForwardsMax = 8;
// Accounts of which one B2B knows when they talked last: all that talk within some hours on a full
// system, at 96 bytes each. More where more of them talk at once.
inline constexpr size_t talk_times_max = 100'000;
// Groups whose members take turns that one B2B knows the last turn of, at 64 bytes each.
inline constexpr size_t group_turns_max = 10'000;
// Accounts that one page reaches: the desks of a floor. Each packet of the caller leaves so many
// times, and the page's snapshot, at 1.5 KiB for each, stays below call/limits.h's.
inline constexpr size_t paged_max = 32;
// A phone that answers by itself does so within a second, one behind a slow line within two. One
// that has not by now rings, which nobody wants of a page.
inline constexpr std::chrono::seconds page_answer{5};
// Rules of one dial plan: they take 0.14 s to compile (./dev bench routing).
inline constexpr size_t dial_rules_max = 100'000;
// Rules that are compiled at a time, of all domains together: those of one full plan and of many
// small ones. The plans that were used the longest ago go.
inline constexpr size_t compiled_rules_max = 250'000;
// A rule that is written is compared with the others while the plan has no more of them: some
// milliseconds.
inline constexpr size_t findings_on_write_max = 5'000;
// Findings of a plan, and the work that looking for them may take. 100 000 rules as people write
// them take 0.12 s, a small part of it.
inline constexpr size_t findings_max = 100;
inline constexpr size_t finding_steps_max = 5'000'000;
// Candidates for the same dialled mask are looked through up to so many; more have a tree of their
// callers' masks.
inline constexpr size_t candidates_scanned_max = 8;
// Digits of a number in its international form, with its country: ITU-T E.164 has at most 15; fewer
// than 5 are no subscriber's anywhere.
inline constexpr size_t international_digits_min = 5;
inline constexpr size_t international_digits_max = 15;
// Digits of a number that is dialled without its area: what is shorter is an extension or a
// service.
inline constexpr size_t local_digits_min = 5;
// Expected routes of a domain: each is asked twice before a change is accepted.
inline constexpr size_t route_expectations_max = 200;

// Representations of a domain: they are looked through for each call that leaves or enters it.
inline constexpr size_t representations_max = 1'000;
// Domains that one call may go through: more than any organisation has levels that forward to each
// other.
inline constexpr size_t crossed_domains_max = 8;
// Steps of an explanation: what a person reads. Calls have fewer.
inline constexpr size_t explained_rules_max = 200;

}  // namespace tandem::routing
