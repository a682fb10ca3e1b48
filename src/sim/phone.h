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

#include "sim/phone_network.h"
#include "sim/world.h"
#include "sip/message.h"

namespace tandem::sim {

inline constexpr std::string_view kPhoneAllow =
    "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, MESSAGE, PRACK, UPDATE\r\n";

struct PhoneTraits {
    size_t index = 0;
    std::string login;
    std::string password;
    std::string domain;
    SocketAddress own;        // what it believes to be, in Via, Contact and SDP
    SocketAddress seen_from;  // the same, or its NAT's
    bool over_tcp = false;
    bool reliable_provisionals = false;
    std::vector<std::string> numbers;     // whom it may call
    std::vector<std::string> co_devices;  // what a 200 to REGISTER shows of others of its account
    int expires_s = 90;                   // of its registration
    // Every address of the network is known, so that one that a phone must not see is noticed.
    bool knows_addresses = true;
    std::string salt;  // what makes its names differ from those of former runs; may be empty
    // A string that is in all that it writes and in nothing that another phone may see.
    std::string mark() const;
};

// How its user behaves. Probabilities.
struct UserTemper {
    double cancels = 0.15;
    double holds = 0.4;
    double unregisters = 0.03;
    double offerless = 0.1;   // INVITE without offer, and re-INVITE likewise
    Duration patience = 40s;  // of a caller; the simulated domain's phones ring for 15 s
    Duration gives_up = 32s;  // and then, when nothing more is heard of the call
    Duration talk_most = 12s;
    bool hangs_up = true;                   // false: calls last until told
    std::optional<Duration> answers_after;  // rings for so long; none: drawn, as is what it does
    // Times are rounded up to this, so that two users act at the same moment now and then.
    Duration grid = 250ms;
    double on_grid = 0.4;
};

enum class PhoneCallState : uint8_t {
    Inviting,  // caller: INVITE sent
    Ringing,   // callee: not answered yet
    Answered,  // callee: 200 sent, no ACK yet
    Up,        // caller: ACK sent; callee: ACK came
    Ending,    // our BYE is on its way
    Over,
};

enum class PhoneCallEnd : uint8_t { None, ByUs, ByThem, Failed, Lost };

struct PhoneCall {
    size_t phone = 0;
    uint64_t number = 0;
    bool is_caller = false;
    std::string dialled;
    std::string call_id;
    std::string local_address;  // From of our requests, with tag
    std::string remote_address;
    std::string remote_target;
    uint32_t local_cseq = 0;
    uint32_t remote_cseq = 0;
    PhoneCallState state = PhoneCallState::Inviting;
    PhoneCallEnd end = PhoneCallEnd::None;
    Instant began;
    Instant rang;      // caller: the first provisional response from beyond the site
    Instant answered;  // the 200 was received or sent
    Instant ended;
    int status = 0;         // the final one of its INVITE
    bool admitted = false;  // caller: something else than a challenge was heard
    bool cancelled = false;
    bool provisional = false;
    bool cancel_waits = false;  // for a provisional response (RFC 3261 9.1)
    std::string invite_branch;
    std::string authorization;
    int challenges = 0;
    std::map<uint32_t, std::string> acks;  // of 2xx, by CSeq, to be repeated
    bool offerless = false;                // our INVITE under way has no offer
    int bye_status = 0;                    // the answer to our BYE; 0: none
    bool byes_crossed = false;             // theirs came while ours had no answer
    std::optional<sip::Message> invite;    // callee: to be answered
    std::string invite_key;                // of its server transaction
    uint32_t rseq = 0;              // callee: of our reliable provisional that has no PRACK yet
    bool answered_early = false;    // our answer was in it
    std::vector<uint32_t> pracked;  // caller: RSeqs
    uint32_t reinvite_cseq = 0;     // callee side of a re-INVITE that waits for ACK
    bool reinviting = false;        // ours is on its way
    bool offered_in_2xx = false;    // our offer in a 2xx waits for the ACK's answer
    // Media.
    uint16_t rtp_port = 0;
    uint32_t sdp_version = 1;
    bool holding = false;
    bool held = false;  // by the other side
    std::optional<SocketAddress> remote_rtp;
    uint16_t sequence = 0;
    uint32_t sent = 0;
    uint32_t received = 0;
    Instant last_received;
    bool media_runs = false;
    std::string heard;  // login of whom we heard last

    bool is_over() const { return state == PhoneCallState::Over; }
    bool is_up() const { return state == PhoneCallState::Up; }
};

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
