// A phone for tests: a user agent of its own that follows RFC 3261 (retransmissions, digest,
// CANCEL, re-INVITE and hold, BYE from either side, registration and its refresh) and sends RTP
// every 20 ms. It shares with the product the parser and the digest, not its transactions, dialogs
// and offers: a fault there must not look right because both sides have it.
//
// What its user does is drawn from the world's chance; what it saw is kept for the checks. In the
// simulation its network is simulated; in a drill (app/drill) it has sockets, and the world's time
// is real.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/phone_call.h"
#include "sim/phone_network.h"
#include "sim/world.h"
#include "sip/message.h"

namespace tandem::sim {

class Phone;

// What a phone asks of those around it.
class PhoneWatcher {
 public:
    virtual ~PhoneWatcher() = default;
    // Something happened between these moments that explains an answer that never came.
    virtual bool is_excused(size_t phone, Instant from, Instant to) const = 0;
    virtual void on_answered(Phone& phone, PhoneCall& call) = 0;  // the caller has its 200
    virtual void on_registered(Phone&) {}  // a REGISTER was answered with 200
    // A packet came, the last one before at `before`.
    virtual void on_sound(Phone&, PhoneCall&, Instant /*before*/) {}
};

class Phone {
 public:
    Phone(World& world, PhoneNetwork& network, SocketAddress gate, PhoneTraits traits,
          PhoneWatcher& watcher);

    // --- The user.
    void start();  // registers, and stays registered
    void call(const std::string& number);
    void hang_up(uint64_t number);  // of the call
    void refresh();                 // registers now
    void retire();                  // hangs up, takes and makes no more calls
    bool is_idle() const;           // no call
    bool is_at_rest() const;        // no call and no transaction
    UserTemper temper;

    // --- The network.
    void on_sip(std::string_view bytes);
    void on_media(const Datagram& datagram);
    void on_connected(uint64_t connection, bool accepted);
    void on_closed(uint64_t connection);

    // --- For the checks.
    const PhoneTraits& traits() const { return traits_; }
    void add_co_device(const PhoneTraits& other);
    const std::deque<std::unique_ptr<PhoneCall>>& calls() const { return calls_; }
    PhoneCall* find(std::string_view call_id);
    struct Registration {
        std::optional<Instant> until;  // the last acknowledged REGISTER; none: removed
        Instant changed;
        bool certain = true;  // no later REGISTER is without an answer
    };
    const Registration& registration() const { return registration_; }
    std::string contact_uri() const;
    std::string open_transactions() const;

 private:
    using Handler = std::move_only_function<void(const sip::Message*)>;  // null: none came
    struct Client {
        std::string method;
        std::string wire;
        Instant began;
        Duration interval{0};
        bool provisional = false;
        bool done = false;
        std::string ack;  // of a failure
        Handler handler;
    };
    struct Server {
        std::string method;
        std::string response;
        bool repeats = false;  // until the ACK
        Duration interval{0};
        Instant began;
        uint64_t call = 0;
    };

    // --- phone_transactions.cc
    std::string new_branch();
    std::string via(std::string_view branch) const;
    void send(std::string wire);
    void request(const std::string& branch, std::string method, std::string wire, Handler handler);
    void repeat_request(const std::string& branch);
    void on_response(const sip::Message& response);
    void forget_client(const std::string& branch);
    void respond(const std::string& key, std::string response, uint64_t call, bool repeats);
    void repeat_response(const std::string& key);
    void on_request(const sip::Message& message);
    void on_ack(const sip::Message& ack);
    void check_leaks(std::string_view bytes);
    bool is_of_co_device(std::string_view found) const;
    void expect_bye(uint64_t number);
    std::string answer_to(const sip::Message& request, int status, std::string_view tag,
                          std::string_view more, std::string_view body) const;
    static std::string key_of(const sip::Message& request);
    static std::string tag_of(std::string_view address);
    void dispatch(const sip::Message& message, const std::string& key);

    // --- phone_calls.cc
    void invite(PhoneCall& call);
    void on_invite_response(uint64_t number, const sip::Message* response);
    void on_invite_success(PhoneCall& call, const sip::Message& response);
    void on_incoming(const sip::Message& invite, const std::string& key);
    void ring(uint64_t number, int status, bool early_media);
    void repeat_reliable(uint64_t number, uint32_t rseq, Duration interval);
    void plan_answer(PhoneCall& call);
    void redirect(uint64_t number);
    void answer_challenge(PhoneCall& call, const sip::Message& response);
    void begin_dialog(PhoneCall& call, const sip::Message& response);
    void send_bye(PhoneCall& call);
    void answer(uint64_t number);
    void reject(uint64_t number, int status);
    void cancel(uint64_t number);
    void send_cancel(PhoneCall& call);
    void give_up_invite(const std::string& branch, std::string_view what);
    void finish(PhoneCall& call, PhoneCallEnd end);
    void on_up(PhoneCall& call);
    void plan_talk(PhoneCall& call);
    void on_bye(const sip::Message& bye, const std::string& key);
    void on_cancel(const sip::Message& cancel, const std::string& key);
    void on_reinvite(PhoneCall& call, const sip::Message& message, const std::string& key);
    void on_prack(const sip::Message& prack, const std::string& key);
    void on_other(const sip::Message& message, const std::string& key);
    void reinvite(uint64_t number, bool hold, bool with_offer);
    void on_reinvite_response(uint64_t number, const sip::Message* response, bool hold);
    void acknowledge(PhoneCall& call, const sip::Message& response);
    void send_prack(PhoneCall& call, const sip::Message& response);
    struct Attempt {
        uint32_t cseq = 0;
        std::string_view branch;
    };
    std::string in_dialog(PhoneCall& call, std::string_view method, Attempt attempt,
                          std::string_view more, std::string_view body) const;
    PhoneCall* get(uint64_t number);
    PhoneCall& add_call(bool is_caller);
    Duration when(Duration least, Duration most);
    std::string contact_line() const;

    // --- phone_transfer.cc
    void plan_transfer(PhoneCall& call);
    void refer(uint64_t number, const std::string& refer_to);
    void consult(uint64_t number, const std::string& target);
    void join(uint64_t consultation);
    void give_up_consultation(const PhoneCall& consultation);
    bool replace(PhoneCall& call, const sip::Message& invite);
    void on_refer_response(uint64_t number, const sip::Message* response);
    void on_notify(PhoneCall& call, const sip::Message& notify);

    // --- phone_media.cc
    std::string offer(PhoneCall& call);
    std::string answer_sdp(PhoneCall& call);
    void take_sdp(PhoneCall& call, std::string_view sdp);
    void run_media(PhoneCall& call);
    void send_media(uint64_t number);

    // --- phone_registration.cc
    void send_register(int expires);
    void on_register_response(const sip::Message* response, int expires);
    void plan_register(Duration delay, int expires);
    void reconnect();

    World& world_;
    PhoneNetwork& network_;
    SocketAddress gate_;
    PhoneTraits traits_;
    PhoneWatcher& watcher_;
    bool retired_ = false;
    uint64_t branches_ = 0;
    uint64_t call_numbers_ = 0;
    std::map<std::string, Client> clients_;  // by branch
    std::map<std::string, Server> servers_;  // by branch and method
    std::deque<std::unique_ptr<PhoneCall>> calls_;
    // TCP.
    uint64_t connection_ = 0;
    bool connecting_ = false;
    std::vector<std::string> unsent_;
    uint16_t tcp_port_ = 20000;
    // Registration.
    Registration registration_;
    std::string call_challenge_;  // the last one, used again for the next call
    uint32_t call_nonce_count_ = 0;
    std::string register_call_id_;
    uint32_t register_cseq_ = 0;
    std::string register_authorization_;
    uint64_t register_plan_ = 0;
    int register_challenges_ = 0;
};

}  // namespace tandem::sim
