// SIP in ladders: messages built from steps, and messages as one line of a transcript.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"
#include "sdp/session.h"
#include "sim/ladder.h"
#include "sip/message.h"
#include "sip/transaction/transaction_layer.h"

namespace tandem::sim {

// What a request that arrives has where its step does not say otherwise.
struct LadderPeer {
    std::string call_id = "call";
    std::string peer_tag = "peer";
    std::string our_tag;  // empty: no To tag
    uint32_t cseq = 0;    // of its last request
    uint32_t invite_cseq = 0;
    std::string invite_branch;
    uint32_t branches = 0;  // made up so far
};

// "> METHOD [branch=] [cseq=] [from-tag=] [to-tag=] [sdp=] [uri=]", details are header lines: they
// replace the default of their name. ACK and CANCEL have the INVITE's CSeq, CANCEL its branch, and
// ACK too when it says branch=invite. A branch is made up when none is given.
Result<sip::Message> ladder_request(const LadderStep& step, LadderPeer& peer);

// "> 180 c1 [METHOD] [tag=] [sdp=]": a response to a request that was sent.
Result<sip::Message> ladder_response(const LadderStep& step, const sip::Message& request);

// "4000", "4000/sendonly", "4000,5000" (two streams), "0" (rejected): audio of port 4000.
sdp::Session ladder_sdp(std::string_view text);
// "sdp(v3 4000 sendonly)": version of o=, ports, direction.
std::string sdp_line(const sdp::Session& session);

// Start line, CSeq, To tag, and the headers that matter to a flow.
std::string message_line(const sip::Message& message);

// Gives short names to keys as they appear: c1, c2, s1 ...; remembers the requests sent.
class LadderNames {
 public:
    std::string of(sip::ClientKey key);
    std::string of(sip::ServerKey key);
    sip::ClientKey client(std::string_view name) const;
    sip::ServerKey server(std::string_view name) const;
    // "c1 INVITE ..." or "INVITE's 200 ...", remembering requests.
    std::string outbound(const sip::Outbound& outbound);
    // The last request of that name and method ("" : any but ACK and CANCEL).
    const sip::Message* request(std::string_view name, std::string_view method) const;

 private:
    std::unordered_map<uint64_t, size_t> clients_;
    std::unordered_map<uint64_t, size_t> servers_;
    std::unordered_map<std::string, sip::Message> sent_;  // "c1 INVITE"
};

}  // namespace tandem::sim
