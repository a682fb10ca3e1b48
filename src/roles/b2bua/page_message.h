// MESSAGE outside a dialog: looked up, sent to every device of the account, answered with the
// first success or the best failure. RFC 3428 7. One that no device takes is stored by the
// registrar, and its sender told 202; when the account registers, the registrar has it sent.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "call/call_context.h"
#include "ports/letter.h"
#include "sip/transaction/transaction_layer.h"

namespace tandem::roles::b2bua {

// Transactions and letters of page messages carry this as the index of a leg.
inline constexpr uint8_t kPageIndex = 255;

struct PageRequest {
    sip::ServerKey server{};  // where it has a sender who waits
    // Otherwise the registrar does, by its MessageDeliver.
    std::optional<ports::Letter> question;
    UtcTime sent;
    sip::Message message;
    DomainId domain;
    AccountId to_account;
    std::string from;  // name-addr without tag
    std::string to;
};

// Owned by the role.
class PageMessages {
 public:
    // False: too many, or nobody to ask; the caller answers 503.
    bool start(call::CallContext& ctx, PageRequest request);
    void on_bindings(call::CallContext& ctx, uint64_t base, const ports::BindingsReply* reply);
    void on_kept(call::CallContext& ctx, uint64_t base, const ports::MessageKept* reply);
    void on_response(call::CallContext& ctx, uint64_t base, sip::ClientKey client, int status);
    void on_timeout(call::CallContext& ctx);
    std::optional<Instant> next_deadline() const;
    bool has(uint64_t base) const { return pages_.contains(base); }
    size_t size() const { return pages_.size(); }

 private:
    struct Page {
        PageRequest request;
        std::vector<sip::ClientKey> waiting;
        std::vector<int> failures;
        Instant deadline;
        bool is_storing = false;
    };
    using Pages = std::unordered_map<uint64_t, Page>;
    void give_up(call::CallContext& ctx, Pages::iterator page, int status);
    void finish(call::CallContext& ctx, Pages::iterator page, int status);
    static sip::Message copy_for(call::CallContext& ctx, const PageRequest& request,
                                 const ports::Binding& binding);
    Pages pages_;
};

}  // namespace tandem::roles::b2bua
