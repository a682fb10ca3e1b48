// What we are to the registrar of a provider: makes REGISTER requests, takes what becomes of them,
// and knows when the next is due and whether it is to go to another proxy. RFC 3261 10.2, RFC 7616.
//
// Pure; owned by a TrunkLine.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/rng.h"
#include "sip/digest_answers.h"
#include "sip/message.h"

namespace tandem::roles::external_sip_gate {

struct RegistrationSettings {
    std::string domain;  // of the registrar: Request-URI and address of record
    std::string user;
    std::string auth_user;
    std::string password;
    uint32_t expires_s = 600;
    std::string user_agent;
    std::vector<sip::DigestSecrets::OfRealm> realms{};  // that want another user or password

    friend bool operator==(const RegistrationSettings&, const RegistrationSettings&) = default;
};

class Registration {
 public:
    // `contact_token`: user of our Contact, which the gate writes, and by which ours is known among
    // the contacts of the answer.
    Registration(RegistrationSettings settings, std::string contact_token, Rng& rng);

    enum class State : uint8_t {
        Due,         // next_request() gives the REGISTER as soon as somebody asks
        Asking,      // it is out
        Registered,  // until the refresh is due
        Waiting,     // it failed everywhere: a pause
        Leaving,     // the last one is due or out: with Expires 0
        Gone,
    };
    State state() const { return state_; }
    // Whether the registrar has our contact, as far as we know.
    bool is_registered(Instant now) const { return until_ && now < *until_; }
    std::optional<Instant> until() const { return until_; }
    const std::string& failure() const { return failure_; }  // the last one; empty since a success

    // nullopt: nothing is due.
    std::optional<sip::Message> next_request(Instant now, Rng& rng);
    // Of the request that is out. TryNext: the next proxy, if there is one, else call wait().
    enum class Outcome : uint8_t { Pending, Again, Done, TryNext };
    Outcome on_response(Instant now, const sip::Message& response, Rng& rng);
    // Nobody answered, or it could not be sent (430, 503).
    Outcome on_unanswered(Instant now, std::string_view why);
    // The same at another proxy, at once.
    void move_on() { state_ = State::Due; }
    // Every proxy has failed.
    void wait(Instant now, Rng& rng);
    // Takes the contact back. What is out is forgotten.
    void leave(Instant now);

    std::optional<Instant> next_deadline() const;
    void on_timeout(Instant now);  // the pause or the time to the refresh is over

 private:
    Outcome fail(std::string why, Duration least);
    Outcome on_accepted(Instant now, const sip::Message& response, Rng& rng);
    Outcome on_challenge(const sip::Message& response);
    Outcome on_too_brief(const sip::Message& response);
    uint32_t granted_s(const sip::Message& response) const;
    sip::Message request(uint32_t expires_s);

    RegistrationSettings settings_;
    std::string contact_token_;
    std::string call_id_;
    std::string from_tag_;
    uint32_t cseq_ = 0;
    uint32_t expires_s_ = 0;
    State state_ = State::Due;
    bool leaves_ = false;
    std::optional<Instant> until_;
    std::optional<Instant> deadline_;  // of the state
    Duration backoff_{0};
    Duration pause_least_{0};
    std::string failure_;
    sip::DigestAnswers proofs_;
    sip::Message last_;        // the last request, as it was proved
    uint32_t challenges_ = 0;  // answered in a row
};

}  // namespace tandem::roles::external_sip_gate
