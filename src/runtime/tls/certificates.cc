#include "runtime/tls/certificates.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>

#include "base/bytes.h"
#include "base/check.h"
#include "base/crypto.h"

namespace tandem::runtime {

namespace {

// Forward secrecy and authenticated encryption only (RFC 9325 4.2); phones of the last ten years
// have them.
constexpr const char* kCiphersTls12 =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

TlsContext adopt(SSL_CTX* context) {
    return TlsContext(context, [](SSL_CTX* gone) { SSL_CTX_free(gone); });
}

TlsContext make_context(const SSL_METHOD* method) {
    SSL_CTX* context = SSL_CTX_new(method);
    CHECK(context != nullptr);
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(context, kCiphersTls12);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE |
                                     SSL_OP_IGNORE_UNEXPECTED_EOF);
    // The queue of a stream moves while a write waits; idle connections keep no buffers.
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    return adopt(context);
}

Error pem_error(std::string_view field, std::string_view what) {
    std::string message(what);
    if (const unsigned long code = ERR_peek_last_error()) {
        if (const char* reason = ERR_reason_error_string(code)) message.append(": ").append(reason);
    }
    ERR_clear_error();
    return make_error(ErrorCode::Malformed, field, message);
}

struct BioFree {
    void operator()(BIO* bio) const { BIO_free(bio); }
};
std::unique_ptr<BIO, BioFree> bio_of(const std::string& text) {
    return std::unique_ptr<BIO, BioFree>(
        BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}
struct X509Free {
    void operator()(X509* certificate) const { X509_free(certificate); }
};
using X509Ptr = std::unique_ptr<X509, X509Free>;

// No passphrase: a prompt on the terminal would stop the program.
int no_passphrase(char*, int, int, void*) {
    return 0;
}

Result<void> use_chain(SSL_CTX* context, const std::string& pem) {
    const auto bio = bio_of(pem);
    const X509Ptr leaf(PEM_read_bio_X509_AUX(bio.get(), nullptr, no_passphrase, nullptr));
    if (!leaf) return pem_error("certificate", "no PEM certificate was found");
    if (SSL_CTX_use_certificate(context, leaf.get()) != 1) {
        return pem_error("certificate", "the certificate cannot be used");
    }
    SSL_CTX_clear_chain_certs(context);
    while (X509* next = PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr)) {
        const X509Ptr issuer(next);
        if (SSL_CTX_add1_chain_cert(context, issuer.get()) != 1) {
            return pem_error("certificate", "the chain cannot be used");
        }
    }
    ERR_clear_error();  // the end of the file counts as an error
    return {};
}

Result<void> use_key(SSL_CTX* context, const std::string& pem) {
    const auto bio = bio_of(pem);
    EVP_PKEY* key = PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr);
    if (key == nullptr) return pem_error("key", "no PEM private key without passphrase was found");
    const bool used = SSL_CTX_use_PrivateKey(context, key) == 1;
    EVP_PKEY_free(key);
    if (!used || SSL_CTX_check_private_key(context) != 1) {
        return pem_error("key", "the private key does not belong to the certificate");
    }
    return {};
}

Result<void> trust(SSL_CTX* context, const std::string& pem) {
    const auto bio = bio_of(pem);
    const X509Ptr authority(PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr));
    if (!authority || X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.get()) != 1) {
        return pem_error("ca", "no PEM certificate of the authority was found");
    }
    // Shown with ours, so that who joins can compare it with what its token says.
    if (SSL_CTX_add1_chain_cert(context, authority.get()) != 1) {
        return pem_error("ca", "the authority cannot be shown");
    }
    return {};
}

// All of the certificates in the text.
Result<void> trust_all(SSL_CTX* context, const std::string& pem) {
    const auto bio = bio_of(pem);
    size_t count = 0;
    while (X509* next = PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr)) {
        const X509Ptr authority(next);
        if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.get()) != 1)
            return pem_error("tls_ca", "a certificate cannot be used");
        ++count;
    }
    if (count == 0) return pem_error("tls_ca", "no PEM certificate was found");
    ERR_clear_error();  // the end of the text counts as an error
    return {};
}

// Contexts for peers that are kept: a system's providers use few sets of authorities, and its
// domains few certificates of their own. With more than that the one that was used least recently
// goes: to make one takes milliseconds where its authorities are many.
constexpr size_t kClientsMax = 256;

// A digest, so that no key is kept twice.
std::string key_of(TlsContexts::Check check, const std::string& ca_pem, const Certificate& own) {
    std::string all = std::to_string(static_cast<int>(check));
    for (const std::string* part : {&ca_pem, &own.chain_pem, &own.key_pem})
        all += ' ' + std::to_string(part->size()) + ' ' + *part;
    return hash_hex(HashAlgorithm::Sha256, all);
}

Result<std::string> read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return make_error(ErrorCode::NotFound, "path", "cannot read " + path);
    return std::string(std::istreambuf_iterator<char>(file), {});
}

Result<TlsContext> server_context(const Certificate& certificate) {
    TlsContext context = make_context(TLS_server_method());
    TRY(use_chain(context.get(), certificate.chain_pem));
    TRY(use_key(context.get(), certificate.key_pem));
    return context;
}

}  // namespace

struct TlsContexts::State {
    mutable std::mutex mutex;
    std::map<std::string, TlsContext> servers;
    std::map<std::string, TlsContext, std::less<>> hosts;
    std::string default_name;
    TlsContext client = make_context(TLS_client_method());
    struct Client {
        TlsContext context;
        uint64_t used = 0;  // when it was, by client_uses
    };
    std::map<std::string, Client> clients;  // by key_of()
    uint64_t client_uses = 0;

    TlsContext of_host(std::string_view name) const;
    static int choose(SSL* ssl, int* alert, void* self);
};

// The nearest name that has one: its own, else what stands above it.
TlsContext TlsContexts::State::of_host(std::string_view name) const {
    const std::lock_guard lock(mutex);
    while (!name.empty()) {
        if (const auto found = hosts.find(name); found != hosts.end()) return found->second;
        const size_t dot = name.find('.');
        if (dot == std::string_view::npos) break;
        name.remove_prefix(dot + 1);
    }
    return nullptr;
}

int TlsContexts::State::choose(SSL* ssl, int*, void* self) {
    const char* asked = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (asked == nullptr) return SSL_TLSEXT_ERR_NOACK;
    const TlsContext context = static_cast<State*>(self)->of_host(to_lower(asked));
    if (context == nullptr) return SSL_TLSEXT_ERR_NOACK;
    SSL_set_SSL_CTX(ssl, context.get());
    return SSL_TLSEXT_ERR_OK;
}

TlsContexts::TlsContexts() : state_(std::make_unique<State>()) {}
TlsContexts::~TlsContexts() = default;

Result<void> TlsContexts::load(const std::string& name, const Certificate& certificate) {
    TlsContext context = TRY(server_context(certificate));
    SSL_CTX_set_tlsext_servername_callback(context.get(), &State::choose);
    SSL_CTX_set_tlsext_servername_arg(context.get(), state_.get());
    const std::lock_guard lock(state_->mutex);
    if (state_->servers.empty()) state_->default_name = name;
    state_->servers[name] = std::move(context);
    return {};
}

Result<void> TlsContexts::load_files(const std::string& name, const std::string& chain_path,
                                     const std::string& key_path) {
    Certificate certificate;
    certificate.chain_pem = TRY(read_file(chain_path));
    certificate.key_pem = TRY(read_file(key_path));
    return load(name, certificate);
}

void TlsContexts::remove(const std::string& name) {
    const std::lock_guard lock(state_->mutex);
    state_->servers.erase(name);
}

Result<void> TlsContexts::load_host(const std::string& host, const Certificate& certificate) {
    TlsContext context = TRY(server_context(certificate));
    const std::lock_guard lock(state_->mutex);
    state_->hosts[host] = std::move(context);
    return {};
}

void TlsContexts::remove_host(const std::string& host) {
    const std::lock_guard lock(state_->mutex);
    state_->hosts.erase(host);
}

void TlsContexts::set_default(const std::string& name) {
    const std::lock_guard lock(state_->mutex);
    state_->default_name = name;
}

TlsContext TlsContexts::server(const std::string& name) const {
    const std::lock_guard lock(state_->mutex);
    const auto found = state_->servers.find(name.empty() ? state_->default_name : name);
    return found == state_->servers.end() ? nullptr : found->second;
}

TlsContext TlsContexts::client() const {
    const std::lock_guard lock(state_->mutex);
    return state_->client;
}

Result<void> TlsContexts::verify_peers_with(const std::string& ca_path) {
    TlsContext context = make_context(TLS_client_method());
    if (SSL_CTX_load_verify_file(context.get(), ca_path.c_str()) != 1) {
        return pem_error("ca", "cannot read the CA file " + ca_path);
    }
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    const std::lock_guard lock(state_->mutex);
    state_->client = std::move(context);
    return {};
}

Result<TlsContext> TlsContexts::client_for(Check check, const std::string& ca_pem,
                                           const Certificate& own) {
    if (check == Check::Nothing && own.chain_pem.empty()) return client();
    const std::string key = key_of(check, ca_pem, own);
    const std::lock_guard lock(state_->mutex);
    const uint64_t use = ++state_->client_uses;
    if (const auto known = state_->clients.find(key); known != state_->clients.end()) {
        known->second.used = use;
        return known->second.context;
    }
    TlsContext context = make_context(TLS_client_method());
    if (check == Check::Authority) {
        SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
        if (ca_pem.empty())
            SSL_CTX_set_default_verify_paths(context.get());
        else
            TRY(trust_all(context.get(), ca_pem));
    }
    if (!own.chain_pem.empty()) {
        TRY(use_chain(context.get(), own.chain_pem));
        TRY(use_key(context.get(), own.key_pem));
    }
    if (state_->clients.size() >= kClientsMax)
        state_->clients.erase(std::ranges::min_element(
            state_->clients, {}, [](const auto& each) { return each.second.used; }));
    state_->clients.emplace(key, State::Client{context, use});
    return context;
}

Result<LinkContexts> make_link_contexts(const std::string& authority_pem, const Certificate& own) {
    LinkContexts contexts{make_context(TLS_server_method()), make_context(TLS_client_method())};
    for (const TlsContext& context : {contexts.server, contexts.client}) {
        SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION);
        TRY(use_chain(context.get(), own.chain_pem));
        TRY(use_key(context.get(), own.key_pem));
        TRY(trust(context.get(), authority_pem));
        SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    }
    return contexts;
}

TlsContext make_joining_context() {
    TlsContext context = make_context(TLS_client_method());
    SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION);
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
    return context;
}

}  // namespace tandem::runtime
