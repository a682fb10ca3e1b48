// A dialog: what two user agents share so that their requests are understood. RFC 3261 12.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sip/message.h"

namespace tandem::sip {

enum class DialogState : uint8_t { Early, Confirmed, Terminated };
std::string_view to_string(DialogState state);

struct DialogSnapshot {
    DialogState state = DialogState::Early;
    std::string call_id;
    std::string local_tag;
    std::string remote_tag;  // empty: an RFC 2543 peer (12.1.1)
    std::string
        local_address;  // From of our requests, without the tag: "Alice" <sip:1@example.org>
    std::string remote_address;
    std::string remote_target;            // the URI of the peer's Contact
    std::vector<std::string> route_set;   // values of Route, in order
    uint32_t local_cseq = 0;              // of our last request; 0: none yet
    std::optional<uint32_t> remote_cseq;  // of the peer's last request
    friend bool operator==(const DialogSnapshot&, const DialogSnapshot&) = default;
};

enum class CSeqVerdict : uint8_t {
    InOrder,
    OutOfOrder,  // answer 500 (12.2.2)
};

// Owned by its leg.
class Dialog {
 public:
    // From a request of ours and a response to it that has a To tag (12.1.2).
    static Result<Dialog> as_client(const Message& request, const Message& response);
    // From the peer's request and the tag that our responses to it carry (12.1.1).
    static Result<Dialog> as_server(const Message& request, std::string_view local_tag);

    // A 2xx confirms the dialog. On the client side the route set is read again from it (13.2.2.4).
    void confirm(const Message& response);
    void confirm() { s_.state = DialogState::Confirmed; }
    void terminate() { s_.state = DialogState::Terminated; }

    // Whether the message is of this dialog: Call-ID and both tags (12.2.2).
    bool owns_request(const Message& request) const;
    bool owns_response(const Message& response) const;

    // A request of the peer, ACK and CANCEL excepted: checks and remembers its CSeq.
    CSeqVerdict accept_cseq(const Message& request);
    // The peer's Contact, of a target refresh request or of a 2xx to one (12.2.1.2, 12.2.2).
    void refresh_target(const Message& message);

    // Our next request: Request-URI, Route, From, To, Call-ID, CSeq, Max-Forwards (12.2.1.1). Via
    // and Contact are the gate's.
    Message request(Method method);
    Message request(std::string_view method_token);
    // The ACK of a 2xx to the INVITE with this CSeq number (13.2.2.4).
    Message ack(uint32_t invite_cseq) const;

    // For a request that goes out again, with credentials.
    uint32_t take_cseq() { return ++s_.local_cseq; }
    // Another instance goes on with the dialog.
    void skip_cseq(uint32_t by) { s_.local_cseq += by; }
    // An INVITE that was sent again before the dialog was confirmed raised CSeq elsewhere.
    void raise_cseq(uint32_t at_least);

    DialogState state() const { return s_.state; }
    const std::string& call_id() const { return s_.call_id; }
    const std::string& local_tag() const { return s_.local_tag; }
    const std::string& remote_tag() const { return s_.remote_tag; }
    const std::string& remote_target() const { return s_.remote_target; }
    uint32_t local_cseq() const { return s_.local_cseq; }

    const DialogSnapshot& snapshot() const { return s_; }
    static Dialog restore(DialogSnapshot snapshot);

 private:
    explicit Dialog(DialogSnapshot snapshot) : s_(std::move(snapshot)) {}
    Message build(std::string_view method_token, uint32_t cseq) const;

    DialogSnapshot s_;
};

}  // namespace tandem::sip
