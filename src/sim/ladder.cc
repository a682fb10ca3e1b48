#include "sim/ladder.h"

#include <array>
#include <charconv>
#include <cstdio>

#include "base/bytes.h"

namespace tandem::sim {
namespace {

// A ladder that comes here has a timer that never rests.
constexpr size_t timeouts_in_a_step_max = 10'000;

enum class LineKind { Blank, Comment, Result, Detail, Step };

LineKind kind_of(std::string_view line) {
    const std::string_view content = trim(line);
    if (content.empty()) return LineKind::Blank;
    if (line.front() == '#') return LineKind::Comment;
    if (line.front() != ' ') return LineKind::Step;
    return content.front() == '<' ? LineKind::Result : LineKind::Detail;
}

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const size_t end = std::min(text.find('\n'), text.size());
        lines.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> words;
    for (text = trim(text); !text.empty(); text = trim(text)) {
        const size_t end = std::min(text.find(' '), text.size());
        words.emplace_back(text.substr(0, end));
        text.remove_prefix(end);
    }
    return words;
}

std::string stamp(Instant now) {
    std::array<char, 32> buffer{};
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.since_epoch).count();
    const int size =
        std::snprintf(buffer.data(), buffer.size(), "%lld.%03lld",
                      static_cast<long long>(ms / 1000), static_cast<long long>(ms % 1000));
    return {buffer.data(), static_cast<size_t>(size)};
}

class Runner {
 public:
    Runner(LadderSubjectMaker maker, LadderRestores restores)
        : maker_(maker), restores_(restores) {}

    Result<std::string> run(std::string_view text) {
        const auto lines = lines_of(text);
        for (size_t i = 0; i < lines.size(); ++i) {
            const LineKind kind = kind_of(lines[i]);
            if (kind == LineKind::Result) continue;
            transcript_.append(lines[i]).append("\n");
            if (kind != LineKind::Step) continue;
            LadderStep step{std::string(lines[i]), words_of(lines[i]), {}};
            const size_t line = i + 1;
            while (i + 1 < lines.size() && kind_of(lines[i + 1]) == LineKind::Detail) {
                ++i;
                step.details.emplace_back(trim(lines[i]));
                transcript_.append(lines[i]).append("\n");
            }
            if (auto done = perform(step); !done) {
                Error error = done.error();
                error.message = "line " + std::to_string(line) + ": " + error.message;
                return error;
            }
        }
        if (!subject_) return make_error(ErrorCode::Missing, "subject", "the ladder has no step");
        return std::move(transcript_);
    }

 private:
    Result<void> perform(const LadderStep& step) {
        if (!subject_) {
            subject_ = maker_(step);
            if (subject_) return {};
            return make_error(ErrorCode::NotFound, "subject", "no such subject: " + step.text);
        }
        if (step.word(0) == "advance") return advance(step);
        if (step.word(0) == "restore") {
            subject_->restore();
            return {};
        }
        TRY(subject_->run(step, now_, results_));
        finish();
        return {};
    }

    Result<void> advance(const LadderStep& step) {
        const auto duration = duration_from(step.word(1));
        if (!duration) return make_error(ErrorCode::Malformed, "advance", "how long? " + step.text);
        return wait_until(now_ + *duration);
    }

    Result<void> wait_until(Instant end) {
        for (size_t count = 0; count < timeouts_in_a_step_max; ++count) {
            const auto deadline = subject_->next_deadline();
            if (!deadline || *deadline > end) {
                now_ = end;
                return {};
            }
            now_ = std::max(now_, *deadline);
            subject_->on_timeout(now_, results_);
            finish();
        }
        return make_error(ErrorCode::Internal, "advance", "a timer never rests");
    }

    void finish() {
        for (const std::string& line : results_) {
            transcript_.append("  < ").append(stamp(now_)).append(" ").append(line).append("\n");
        }
        results_.clear();
        if (restores_ == LadderRestores::Everywhere) subject_->restore();
    }

    LadderSubjectMaker maker_;
    LadderRestores restores_;
    std::unique_ptr<LadderSubject> subject_;
    Instant now_;
    std::vector<std::string> results_;
    std::string transcript_;
};

}  // namespace

std::string_view LadderStep::word(size_t index) const {
    size_t at = 0;
    for (const std::string& candidate : words) {
        if (candidate.find('=') != std::string::npos) continue;
        if (at++ == index) return candidate;
    }
    return {};
}

std::optional<std::string_view> LadderStep::option(std::string_view name) const {
    for (const std::string& candidate : words) {
        const size_t equals = candidate.find('=');
        if (equals == std::string::npos) continue;
        const std::string_view view = candidate;
        if (view.substr(0, equals) == name) return view.substr(equals + 1);
    }
    return std::nullopt;
}

std::optional<Duration> duration_from(std::string_view text) {
    int64_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error != std::errc{} || count < 0) return std::nullopt;
    const std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
    if (unit == "ms") return std::chrono::milliseconds(count);
    if (unit == "s") return std::chrono::seconds(count);
    if (unit == "min") return std::chrono::minutes(count);
    return std::nullopt;
}

Result<std::string> run_ladder(std::string_view text, LadderSubjectMaker maker,
                               LadderRestores restores) {
    return Runner(maker, restores).run(text);
}

}  // namespace tandem::sim
