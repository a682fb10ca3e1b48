// Ladders: call flows as text, with all that the subject did as a golden transcript between the
// steps. A ladder is right when running it gives its own text again.
//
//   # A comment. Blank lines are kept.
//   subject transactions          what is tested, and settings for it: name=value ...
//   > INVITE branch=z9hG4bK1      a step; for this subject: a request arrives
//       Require: 100rel           indented: details of the step, here a header line
//     < 0.000 arrival request s1  indented with '<': what came of it, at second 0.000
//   advance 500ms                 lets time pass: every deadline on the way is met
//   restore                       snapshot, and on with what restore() makes of it
//
// Steps and their results are explained with each subject (transactions_subject.h,
// leg_subject.h).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/result.h"

namespace tandem::sim {

// One step: its words, of which some are name=value, and its detail lines without indentation.
struct LadderStep {
    std::string text;
    std::vector<std::string> words;
    std::vector<std::string> details;

    std::string_view word(size_t index) const;  // empty: there is none
    std::optional<std::string_view> option(std::string_view name) const;
};

// What a ladder drives. Results are lines of text, without time.
class LadderSubject {
 public:
    virtual ~LadderSubject() = default;
    // An unknown or unfitting step is an error, which says what is wrong with the ladder.
    virtual Result<void> run(const LadderStep& step, Instant now,
                             std::vector<std::string>& out) = 0;
    virtual void on_timeout(Instant now, std::vector<std::string>& out) = 0;
    virtual std::optional<Instant> next_deadline() const = 0;
    virtual void restore() = 0;
};

// Makes the subject that a ladder's first step names; nullptr: unknown.
using LadderSubjectMaker = std::unique_ptr<LadderSubject> (*)(const LadderStep& first);
std::unique_ptr<LadderSubject> make_ladder_subject(const LadderStep& first);

enum class LadderRestores : uint8_t { WhereWritten, Everywhere };

// The text with its results made anew. The error names the line.
Result<std::string> run_ladder(std::string_view text, LadderSubjectMaker maker,
                               LadderRestores restores);

// "500ms", "32s", "2min".
std::optional<Duration> duration_from(std::string_view text);

}  // namespace tandem::sim
