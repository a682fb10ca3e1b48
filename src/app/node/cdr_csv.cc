#include "app/node/cdr_csv.h"

#include <algorithm>
#include <cstdio>

namespace tandem::app {
namespace {

constexpr std::string_view columns[] = {"id",
                                        "call",
                                        "domain",
                                        "direction",
                                        "caller",
                                        "caller_name",
                                        "caller_account",
                                        "dialled",
                                        "callee",
                                        "callee_name",
                                        "callee_account",
                                        "start",
                                        "answer",
                                        "end",
                                        "duration_s",
                                        "result",
                                        "sip_status",
                                        "reason",
                                        "released_by",
                                        "survived",
                                        "caller_agent",
                                        "caller_codec",
                                        "caller_lost",
                                        "caller_jitter_ms",
                                        "caller_mos",
                                        "callee_agent",
                                        "callee_codec",
                                        "callee_lost",
                                        "callee_jitter_ms",
                                        "callee_mos"};

// "+7926..." and "-5" are numbers, what else begins so may be a formula.
bool is_formula(std::string_view text) {
    if (text.empty()) return false;
    if (text.front() == '=' || text.front() == '@' || text.front() == '\t') return true;
    if (text.front() != '+' && text.front() != '-') return false;
    return !std::ranges::all_of(text.substr(1), [](char c) { return c >= '0' && c <= '9'; });
}

class Line {
 public:
    explicit Line(std::string& out) : out_(out) {}
    Line& text(std::string_view value) {
        next();
        const bool guarded = is_formula(value);
        if (value.find_first_of(",\"\r\n") == std::string_view::npos) {
            if (guarded) out_ += '\'';
            out_ += value;
            return *this;
        }
        out_ += '"';
        if (guarded) out_ += '\'';
        for (const char c : value) {
            if (c == '"') out_ += '"';
            out_ += c;
        }
        out_ += '"';
        return *this;
    }
    Line& time(const std::optional<UtcTime>& value) {
        return text(value ? to_rfc3339(*value) : std::string());
    }
    Line& number(double value, int digits) {
        char buffer[32];
        std::snprintf(buffer, sizeof buffer, "%.*f", digits, value);
        next();
        out_ += buffer;
        return *this;
    }
    Line& party(const model::CdrParty& party) {
        return text(party.number).text(party.display_name).text(account_of(party));
    }
    Line& quality(const model::CdrLeg* leg);
    void end() { out_ += "\r\n"; }

    static std::string account_of(const model::CdrParty& party) {
        return party.account ? party.account->text() : std::string();
    }

 private:
    void next() {
        if (!first_) out_ += ',';
        first_ = false;
    }
    std::string& out_;
    bool first_ = true;
};

const model::CdrStream* sound_of(const model::CdrLeg& leg) {
    const auto found =
        std::ranges::find(leg.streams, std::string_view("audio"), &model::CdrStream::media);
    return found == leg.streams.end() ? nullptr : &*found;
}

// Of the sound; empty where nothing was heard of it.
Line& Line::quality(const model::CdrLeg* leg) {
    text(leg == nullptr ? std::string_view() : leg->user_agent);
    const model::CdrStream* sound = leg == nullptr ? nullptr : sound_of(*leg);
    if (sound == nullptr) return text("").text("").text("").text("");
    text(sound->codec).number(static_cast<double>(sound->packets_lost), 0);
    number(sound->jitter_ms, 1);
    return sound->mos == 0 ? text("") : number(sound->mos, 2);
}

// The caller's leg, and the one that answered.
const model::CdrLeg* leg_of(const model::Cdr& record, model::LegSide side) {
    for (const model::CdrLeg& leg : record.legs) {
        const bool counts = side == model::LegSide::Caller || leg.answer.has_value();
        if (leg.side == side && counts) return &leg;
    }
    return nullptr;
}

}  // namespace

std::string cdr_csv_head() {
    std::string head;
    for (const std::string_view name : columns) {
        if (!head.empty()) head += ',';
        head += name;
    }
    return head + "\r\n";
}

void append_cdr_csv(std::string& out, const model::Cdr& record) {
    Line line(out);
    line.text(record.id.text()).text(record.call.text()).text(record.domain.text());
    line.text(to_string(record.direction)).party(record.caller).text(record.dialled);
    line.party(record.callee);
    line.time(record.start).time(record.answer).time(record.end);
    line.number(static_cast<double>(record.duration.count()) / 1000, 3);
    line.text(to_string(record.result)).number(record.sip_status, 0).text(record.reason);
    line.text(to_string(record.released_by)).text(record.survived ? "yes" : "no");
    line.quality(leg_of(record, model::LegSide::Caller));
    line.quality(leg_of(record, model::LegSide::Callee));
    line.end();
}

}  // namespace tandem::app
