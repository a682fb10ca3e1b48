// Turns the wish for a token, and what a server that joins says, into one write of the store or
// into a refusal of one sentence. Pure, like entity_writer.h.
//
// A token is kept by the hash of its secret until a day after its end, so that who comes too late,
// or twice, learns which of the two it was. It is used up by the write that creates the server.
#pragma once

#include <span>
#include <string>

#include "ports/join_port.h"
#include "roles/store/entity_writer.h"

namespace tandem::roles::store_role {

struct TokenChange {
    store::Member write;
    ports::JoinTokenReply reply;
};
// Nodes that can be reached now. A server whose home node is not among them may be replaced by a
// machine that has a token for its name: it keeps its node, its roles and its addresses.
using NodesUp = std::span<const uint16_t>;

// `stored`: all tokens that there are. `fingerprint`: of the site's authority.
Result<TokenChange> prepare_token(const WriteScope& scope, const ports::JoinTokenQuery& query,
                                  std::span<const store::KeyValue> stored,
                                  const std::string& fingerprint, NodesUp up);

struct JoinChange {
    store::Member write;  // nothing to write: this was only asked, or answered before
    ports::ServerJoined reply;
};
// Where the token of `join` is stored.
std::string token_key(const ports::ServerJoin& join);
// `stored`: what is there, null if nothing.
Result<JoinChange> prepare_join(const WriteScope& scope, const ports::ServerJoin& join,
                                const store::KeyValue* stored, NodesUp up);

}  // namespace tandem::roles::store_role
