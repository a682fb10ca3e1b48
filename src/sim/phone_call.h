// What a phone is told to be (its traits, its user's temper), and what it keeps of each of its
// calls.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
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
    double transfers = 0;     // a call at once to another number (blind)
    double attended = 0;      // of these: after a call of its own to that number
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
    Instant rang;      // the first provisional response: from beyond the site, or ours
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
    // Transfer: our REFER is under way, or was accepted and its outcome is not known.
    bool referring = false;
    uint64_t consults_for = 0;  // caller: number of the call that is to be joined with this one
    bool transferred = false;   // it was: the others talk without us
    std::set<std::string> heard_all;

    bool is_over() const { return state == PhoneCallState::Over; }
    // It goes on without us, or may: we have not heard what became of our REFER.
    bool may_go_on() const { return referring || transferred; }
    bool is_up() const { return state == PhoneCallState::Up; }
};

}  // namespace tandem::sim
