#include "sip/transaction/match_key.h"

#include <string_view>

#include "base/bytes.h"

namespace tandem::sip {
namespace {

// SipHash over a sequence of texts, each hashed under a key that depends on those before it: no
// buffer, and no two sequences run together.
class Chain {
 public:
    explicit Chain(SipHashKey key) : key_(key) {}
    void add(std::string_view text) {
        hash_ = siphash(key_, as_bytes(text));
        key_.k0 ^= hash_;
        key_.k1 += 1;
    }
    void add(uint64_t number) {
        key_.k0 ^= number;
        add(std::string_view{});
    }
    uint64_t hash() const { return hash_ == 0 ? 1 : hash_; }

 private:
    SipHashKey key_;
    uint64_t hash_ = 0;
};

std::string_view matched_method(const Message& request, MatchAs as) {
    return as == MatchAs::Invite ? to_string(Method::Invite) : request.method_token();
}

// RFC 3261 17.2.3, for branches without the magic cookie. The To tag is left out, as the ACK has
// one that the INVITE lacked; the layer compares it.
void add_rfc_2543(Chain& chain, const Message& request) {
    chain.add(request.request_uri());
    chain.add(request.call_id());
    chain.add(request.header(HeaderId::Via).value_or(""));
    if (const auto from = request.from()) chain.add(from->tag());
    if (const auto cseq = request.cseq()) chain.add(cseq->number);
}

}  // namespace

uint64_t server_match_key(SipHashKey key, const Message& request, MatchAs as) {
    Chain chain(key);
    chain.add(matched_method(request, as));
    const auto via = request.top_via();
    if (!via || !via->has_magic_cookie()) {
        add_rfc_2543(chain, request);
        return chain.hash();
    }
    chain.add(via->branch());
    chain.add(via->sent_by.port.value_or(0));
    chain.add(to_lower(via->sent_by.host));
    return chain.hash();
}

uint64_t merge_key(SipHashKey key, const Message& request) {
    if (request.method() == Method::Ack || request.method() == Method::Cancel) return 0;
    const auto to = request.to();
    const auto from = request.from();
    const auto cseq = request.cseq();
    if (!to || !from || !cseq || !to->tag().empty()) return 0;
    Chain chain(key);
    chain.add(from->tag());
    chain.add(request.call_id());
    chain.add(cseq->number);
    chain.add(request.method_token());
    return chain.hash();
}

}  // namespace tandem::sip
