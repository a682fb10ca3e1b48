#include "runtime/stream/tls_session.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <climits>

#include "base/check.h"
#include "base/net_address.h"

namespace tandem::runtime {

std::unique_ptr<TlsSession> TlsSession::server(const TlsContext& context, int fd) {
    SSL* ssl = SSL_new(context.get());
    CHECK(ssl != nullptr);
    SSL_set_fd(ssl, fd);
    SSL_set_accept_state(ssl);
    return std::unique_ptr<TlsSession>(new TlsSession(ssl));
}

std::unique_ptr<TlsSession> TlsSession::client(const TlsContext& context, int fd,
                                               const std::string& host) {
    SSL* ssl = SSL_new(context.get());
    CHECK(ssl != nullptr);
    SSL_set_fd(ssl, fd);
    SSL_set_connect_state(ssl);
    if (!host.empty()) {
        // RFC 6066 3: literal addresses are not permitted as server names.
        if (IpAddress::parse(host)) {
            X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str());
        } else {
            SSL_set_tlsext_host_name(ssl, host.c_str());
            SSL_set1_host(ssl, host.c_str());
        }
    }
    return std::unique_ptr<TlsSession>(new TlsSession(ssl));
}

TlsSession::~TlsSession() {
    SSL_free(ssl_);
}

IoOutcome TlsSession::outcome_of(int result) {
    switch (SSL_get_error(ssl_, result)) {
        case SSL_ERROR_WANT_READ:
            return IoOutcome::WantRead;
        case SSL_ERROR_WANT_WRITE:
            return IoOutcome::WantWrite;
        case SSL_ERROR_ZERO_RETURN:
            return IoOutcome::End;
    }
    return IoOutcome::Broken;
}

IoOutcome TlsSession::handshake() {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_);
    return result == 1 ? IoOutcome::Done : outcome_of(result);
}

IoResult TlsSession::read(char* into, size_t size) {
    ERR_clear_error();
    const int result = SSL_read(ssl_, into, static_cast<int>(std::min(size, size_t(INT_MAX))));
    if (result > 0) return {IoOutcome::Done, static_cast<size_t>(result)};
    return {outcome_of(result), 0};
}

IoResult TlsSession::write(const char* from, size_t size) {
    ERR_clear_error();
    const int result = SSL_write(ssl_, from, static_cast<int>(std::min(size, size_t(INT_MAX))));
    if (result > 0) return {IoOutcome::Done, static_cast<size_t>(result)};
    return {outcome_of(result), 0};
}

std::string TlsSession::failure() const {
    const long verified = SSL_get_verify_result(ssl_);
    const bool is_asked = SSL_get_verify_mode(ssl_) != SSL_VERIFY_NONE;
    if (is_asked && verified != X509_V_OK) return X509_verify_cert_error_string(verified);
    const char* reason = ERR_reason_error_string(ERR_peek_last_error());
    return reason != nullptr ? reason : "the connection ended";
}

std::string TlsSession::refusal() const {
    const unsigned long error = ERR_peek_last_error();
    const bool is_alert =
        ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) >= SSL_AD_REASON_OFFSET;
    const char* reason = is_alert ? ERR_reason_error_string(error) : nullptr;
    return reason == nullptr ? "" : reason;
}

namespace {

void add_dns_names(const X509* certificate, std::vector<std::string>& names) {
    auto* all = static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
    for (int i = 0; i < sk_GENERAL_NAME_num(all); ++i) {
        const GENERAL_NAME* name = sk_GENERAL_NAME_value(all, i);
        if (name->type != GEN_DNS) continue;
        names.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                           static_cast<size_t>(ASN1_STRING_length(name->d.dNSName)));
    }
    GENERAL_NAMES_free(all);
}

std::string pem_of(X509* certificate) {
    BIO* bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, certificate);
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    std::string text(data, static_cast<size_t>(size));
    BIO_free(bio);
    return text;
}

}  // namespace

PeerCertificate TlsSession::peer() const {
    PeerCertificate peer;
    X509* leaf = SSL_get0_peer_certificate(ssl_);
    if (leaf == nullptr) return peer;
    const bool asked = SSL_get_verify_mode(ssl_) != SSL_VERIFY_NONE;
    peer.is_verified = asked && SSL_get_verify_result(ssl_) == X509_V_OK;
    add_dns_names(leaf, peer.dns_names);
    peer.chain.push_back(pem_of(leaf));
    STACK_OF(X509)* chain = SSL_get_peer_cert_chain(ssl_);
    for (int i = 0; i < sk_X509_num(chain); ++i) {
        X509* each = sk_X509_value(chain, i);
        // A client's chain begins with the leaf, a server's does not.
        if (X509_cmp(each, leaf) != 0) peer.chain.push_back(pem_of(each));
    }
    return peer;
}

void TlsSession::say_goodbye() {
    ERR_clear_error();
    SSL_shutdown(ssl_);
}

}  // namespace tandem::runtime
