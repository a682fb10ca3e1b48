#include "sim/b2bua_subject.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "model/generated/cdr.h"
#include "roles/b2bua/stage.h"
#include "sim/ladder_text.h"

namespace tandem::sim {
namespace {

using roles::b2bua::Stage;
using sip::HeaderId;

constexpr Instant kEpoch{1000s};

struct LadderPhone {
    std::string account;
    uint16_t port = 0;
    std::optional<sip::Message> dialog;  // our response to it, or our request with its tag
    uint32_t cseq = 2;                   // of its last request
    uint32_t invite_cseq = 2;
    std::vector<ports::SipOutbound> requests;  // that it got
};

Error wrong(std::string_view what) {
    return make_error(ErrorCode::Malformed, "step", what);
}

std::string sdp_text(const LadderStep& step) {
    const auto option = step.option("sdp");
    if (!option) return {};
    const size_t slash = std::min(option->find('/'), option->size());
    uint16_t port = 0;
    std::from_chars(option->data(), option->data() + slash, port);
    return Stage::sdp(port, slash < option->size() ? option->substr(slash + 1) : "sendrecv");
}

std::string headers_of(const LadderStep& step) {
    std::string headers;
    for (const std::string& detail : step.details) headers += detail + "\n";
    return headers;
}

std::string transfers_of(const model::Cdr& cdr) {
    std::string text;
    for (const model::CdrTransfer& each : cdr.transfers) {
        text += " " + std::string(model::to_string(each.kind)) + " transfer by " + each.by.number +
                " to " + each.to.number;
    }
    return text + (cdr.continued_in ? " continued in another call" : "");
}

// By the same leg, in another life of its instance.
bool is_called_anew(const sip::Message& dialog, const sip::Message& invite) {
    const auto before = dialog.from();
    const auto now = invite.from();
    return before && now && before->tag() == now->tag() && dialog.call_id() != invite.call_id();
}

class B2buaSubject final : public LadderSubject {
 public:
    explicit B2buaSubject(const LadderStep& first) {
        if (first.option("survival") == "none") stage_.change_survival(model::Survival::None);
        if (first.option("survival") == "all") stage_.change_survival(model::Survival::All);
        for (size_t i = 2; i < first.words.size(); ++i) add_phone(first.words[i]);
    }

    Result<void> run(const LadderStep& step, Instant now, std::vector<std::string>& out) override {
        set_clock(now);
        TRY(act(step));
        drain(out);
        return {};
    }
    void on_timeout(Instant now, std::vector<std::string>& out) override {
        set_clock(now);
        stage_.tick();
        drain(out);
    }
    std::optional<Instant> next_deadline() const override {
        const auto next = stage_.role().next_deadline();
        if (!next) return std::nullopt;
        return std::max(Instant{}, Instant{*next - kEpoch});
    }
    // Transactions die with their instance, so a restart is a step of its own.
    void restore() override {}

 private:
    void add_phone(const std::string& word) {
        const size_t equals = word.find('=');
        const size_t colon = word.find(':');
        if (equals == word.npos || colon == word.npos) return;
        LadderPhone phone;
        phone.account = word.substr(equals + 1, colon - equals - 1);
        const size_t at = phone.account.find('@');
        if (at != phone.account.npos) {
            phone.account.resize(at);
            stage_.add_account_elsewhere(phone.account);
        }
        std::from_chars(word.data() + colon + 1, word.data() + word.size(), phone.port);
        if (!stage_.has_account(phone.account)) stage_.add_account(phone.account);
        stage_.register_phone(phone.account, phone.port);
        phones_.emplace_back(word.substr(0, equals), std::move(phone));
    }
    void set_clock(Instant now) {
        stage_.now.mono = kEpoch + now.since_epoch;
        stage_.now.utc.unix_ms =
            1'800'000'000'000 +
            std::chrono::duration_cast<std::chrono::milliseconds>(now.since_epoch).count();
    }
    LadderPhone* phone(std::string_view name) {
        for (auto& [known, phone] : phones_) {
            if (known == name) return &phone;
        }
        return nullptr;
    }
    Result<void> act(const LadderStep& step);
    bool advise(const LadderStep& step);
    bool tell_of_media(const LadderStep& step);
    Result<void> request(LadderPhone& from, const LadderStep& step);
    Result<void> respond(LadderPhone& from, const LadderStep& step, int status);
    void remember(LadderPhone& phone, ports::SipOutbound& sip);
    void drain(std::vector<std::string>& out);
    void drain_media(std::vector<std::string>& out);
    void drain_store(std::vector<std::string>& out);

    mutable Stage stage_;
    std::vector<std::pair<std::string, LadderPhone>> phones_;
    size_t media_told_ = 0;
    size_t records_told_ = 0;
    size_t calls_told_ = 0;
};

// False: it is no word of CS.
bool B2buaSubject::advise(const LadderStep& step) {
    using Kind = ports::QueueAdvice::Kind;
    constexpr std::pair<std::string_view, Kind> words[] = {{"place", Kind::Place},
                                                           {"turn", Kind::Turn},
                                                           {"withdraw", Kind::Withdraw},
                                                           {"full", Kind::Full},
                                                           {"nobody", Kind::NoAgents}};
    const auto found =
        std::ranges::find(words, step.word(0), [](const auto& w) { return w.first; });
    if (found == std::end(words)) return false;
    const bool has_number = found->second == Kind::Place || found->second == Kind::Turn;
    uint32_t number = 0;
    if (has_number)
        std::from_chars(step.word(1).data(), step.word(1).data() + step.word(1).size(), number);
    std::vector<std::string_view> agents;
    for (size_t i = has_number ? 2 : 1; !step.word(i).empty(); ++i) agents.push_back(step.word(i));
    stage_.advise(found->second, number, agents);
    return true;
}

// False: it is no word of the gate. Keys that a termination has pressed, or that it has heard what
// was played once; or all contexts are lost.
bool B2buaSubject::tell_of_media(const LadderStep& step) {
    using Kind = ports::MediaEvent::Kind;
    if (step.word(0) == "lose-media") {
        uint16_t first_port = 0;
        const std::string_view port = step.word(1);
        std::from_chars(port.data(), port.data() + port.size(), first_port);
        stage_.lose_media(first_port);
        return true;
    }
    const bool is_key = step.word(0) == "keys";
    if (!is_key && step.word(0) != "played") return false;
    ports::MediaEvent event{stage_.media.back().context, is_key ? Kind::Key : Kind::Played};
    const std::string_view of = step.word(1);
    std::from_chars(of.data(), of.data() + of.size(), event.termination);
    if (!is_key) stage_.give(event, roles::b2bua::kMedia);
    for (const char key : step.word(2)) {
        event.key = static_cast<uint8_t>(key);
        stage_.give(event, roles::b2bua::kMedia);
    }
    return true;
}

Result<void> B2buaSubject::act(const LadderStep& step) {
    if (advise(step) || tell_of_media(step)) return {};
    if (step.word(0) == "call") {
        LadderPhone* from = phone(step.word(1));
        if (from == nullptr) return wrong("no such phone");
        stage_.digest_uri = step.option("digest-uri").value_or("");
        stage_.call(from->port, from->account, step.word(2), sdp_text(step), headers_of(step));
        return {};
    }
    if (step.word(0) == "restart") {
        stage_.restart();
        return {};
    }
    if (step.word(0) == "silence") {
        stage_.give(ports::MediaEvent{stage_.media.back().context}, roles::b2bua::kMedia);
        return {};
    }
    if (step.word(0) == "services") {
        if (!stage_.has_account(step.word(1))) stage_.add_account(step.word(1));
        const size_t json = std::min(step.text.find('{'), step.text.size());
        if (stage_.set_services(step.word(1), step.text.substr(json))) return {};
        return wrong("no such account, or no such services");
    }
    if (step.word(0) == "code") {
        if (stage_.add_feature_code(step.word(1))) return {};
        return wrong("no such feature code");
    }
    if (step.word(0) == "calls" || step.word(0) == "rings") {
        auto& known = step.word(0) == "calls" ? stage_.calls_of : stage_.rings_of;
        auto& count = known[std::string(step.word(1))];
        std::from_chars(step.word(2).data(), step.word(2).data() + step.word(2).size(), count);
        return {};
    }
    if (step.word(0) == "refuse") {
        stage_.changes_refused = true;
        return {};
    }
    if (step.word(0) == "group" || step.word(0) == "queue") {
        std::vector<std::string_view> members;
        for (size_t i = 3; !step.word(i).empty(); ++i) members.push_back(step.word(i));
        const bool is_made = step.word(0) == "group"
                                 ? stage_.add_group(step.word(1), step.word(2), members)
                                 : stage_.add_queue(step.word(1), step.word(2), members);
        if (is_made) return {};
        return wrong("no such member, or no such group or queue");
    }
    if (step.word(1) == "store") {
        stage_.hold_store = step.word(0) == "hold";
        stage_.pump();
        return {};
    }
    LadderPhone* from = phone(step.word(0));
    if (from == nullptr) return wrong("neither a command nor a phone");
    int status = 0;
    const std::string_view word = step.word(1);
    std::from_chars(word.data(), word.data() + word.size(), status);
    return status == 0 ? request(*from, step) : respond(*from, step, status);
}

Result<void> B2buaSubject::request(LadderPhone& from, const LadderStep& step) {
    const std::string_view method = step.word(1);
    if (!from.dialog) return wrong("this phone has no call");
    const bool repeats = method == "ACK" || method == "CANCEL";
    const uint32_t cseq = repeats ? from.invite_cseq : ++from.cseq;
    if (method == "INVITE") from.invite_cseq = cseq;
    if (method == "CANCEL") {
        stage_.from_phone(from.port, stage_.cancel_of_last_call());
        return {};
    }
    std::string text = stage_.request_in_dialog(method, *from.dialog, cseq, sdp_text(step));
    text.insert(text.find('\n') + 1, headers_of(step));
    if (const auto key = step.option("signal"))  // a key, in an INFO
        text += "Content-Type: application/dtmf-relay\n\nSignal=" + std::string(*key) + "\n";
    stage_.from_phone(from.port, text);
    return {};
}

Result<void> B2buaSubject::respond(LadderPhone& from, const LadderStep& step, int status) {
    std::string_view method = step.word(2);
    if (method.empty() || method.find('=') != method.npos) method = "INVITE";
    const auto found = std::find_if(from.requests.rbegin(), from.requests.rend(), [&](auto& sip) {
        return sip.message.method_token() == method;
    });
    if (found == from.requests.rend()) return wrong("this phone got no such request");
    stage_.respond(from.port, *found, status, sdp_text(step), headers_of(step));
    return {};
}

void B2buaSubject::remember(LadderPhone& phone, ports::SipOutbound& sip) {
    if (sip.message.is_request()) {
        const bool begins = sip.message.method() == sip::Method::Invite &&
                            (!phone.dialog || is_called_anew(*phone.dialog, sip.message));
        phone.requests.push_back(sip);
        if (!begins) return;
        phone.dialog = sip.message;
        phone.dialog->replace(HeaderId::To, std::string(*sip.message.header(HeaderId::To)) +
                                                ";tag=phone" + std::to_string(phone.port));
        return;
    }
    const auto cseq = sip.message.cseq();
    const auto to = sip.message.to();
    const bool has_tag = to && !to->tag().empty();
    if (!phone.dialog && has_tag && cseq && cseq->method == sip::Method::Invite) {
        phone.dialog = sip.message;
    }
}

void B2buaSubject::drain(std::vector<std::string>& out) {
    for (auto& [name, phone] : phones_) {
        for (ports::SipOutbound& sip : stage_.at(phone.port)) {
            out.push_back(name + " gets " + message_line(sip.message));
            remember(phone, sip);
        }
    }
    drain_media(out);
    for (const ports::EntityRequest& each : std::exchange(stage_.changes, {})) {
        out.push_back("store changes " + each.kind + " " + each.body + " for " + each.actor.name);
    }
    drain_store(out);
}

void B2buaSubject::drain_media(std::vector<std::string>& out) {
    for (; media_told_ < stage_.media.size(); ++media_told_) {
        const ports::MediaRequest& request = stage_.media[media_told_];
        std::string line = "media";
        for (const auto& set : request.set) {
            line += " set " + std::to_string(set.termination);
            for (const auto& stream : set.streams) {
                line += stream.remote_rtp ? ":" + std::to_string(stream.remote_rtp->port) : ":?";
            }
        }
        for (const uint32_t stopped : request.stop_playing)
            line += " stop " + std::to_string(stopped);
        for (const ports::MediaPlay& play : request.play) {
            const std::string sound = play.sound == ports::MediaSound::Mix        ? ":mix/"
                                      : play.sound == ports::MediaSound::Ringback ? ":ringback/"
                                                                                  : ":music/";
            line += " play " + std::to_string(play.termination) + sound +
                    std::to_string(play.payload_type);
        }
        for (const uint32_t gone : request.remove) line += " remove " + std::to_string(gone);
        if (request.joined) {
            if (request.joined->empty()) line += " apart";
            for (const auto& [a, b] : *request.joined) {
                line += " join " + std::to_string(a) + "-" + std::to_string(b);
            }
        }
        for (const auto& [a, b] :
             request.heard.value_or(std::vector<std::pair<uint32_t, uint32_t>>()))
            line += " heard " + std::to_string(a) + ">" + std::to_string(b);
        if (request.close) line += " close";
        out.push_back(std::move(line));
    }
}

void B2buaSubject::drain_store(std::vector<std::string>& out) {
    if (const size_t calls = stage_.stored_calls(); calls != calls_told_) {
        calls_told_ = calls;
        out.push_back("store holds " + std::to_string(calls) + " calls");
    }
    const auto records = stage_.records();
    for (; records_told_ < records.size(); ++records_told_) {
        const auto cdr = model::decode<model::Cdr>(records[records_told_], model::Source::Store);
        if (!cdr) continue;
        std::string line = "record " + std::string(model::to_string(cdr->result)) + " " +
                           std::to_string(cdr->sip_status) + " released by " +
                           std::string(model::to_string(cdr->released_by)) +
                           (cdr->survived ? " survived" : "");
        if (cdr->domain == roles::b2bua::kOther)
            line += " | of other.test: " + cdr->caller.number + " to " + cdr->dialled +
                    ", reached " + cdr->callee.number;
        line += transfers_of(*cdr);
        for (const model::CdrQueue& each : cdr->queues) {
            line += " | queue " + each.name + " " + std::string(model::to_string(each.outcome)) +
                    " after " + std::to_string(each.wait.count()) + " ms";
        }
        for (const model::CdrForward& each : cdr->forwards) {
            line += " | " + each.by.number + " to " + each.to + ": " +
                    std::string(model::to_string(each.reason));
        }
        out.push_back(std::move(line));
    }
}

}  // namespace

std::unique_ptr<LadderSubject> make_b2bua_subject(const LadderStep& first) {
    return std::make_unique<B2buaSubject>(first);
}

}  // namespace tandem::sim
