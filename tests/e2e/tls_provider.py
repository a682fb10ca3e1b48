"""A provider that is reached over TLS: certificates for it, and a Provider that takes one connection after the other."""

import os
import re
import select
import socket
import ssl
import threading

from calling_phone import header
from harness import run
from provider import Provider


class Authority:
    """A certificate authority that signs for one name."""

    def __init__(self, folder, name):
        self.folder = folder
        ca, key = self.path("ca.pem"), self.path("ca.key")
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                     "-subj", "/CN=authority", "-keyout", key, "-out", ca)
        self.openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                     "-subj", f"/CN={name}", "-keyout", self.path("server.key"), "-out", self.path("server.csr"))
        with open(self.path("names"), "w", encoding="utf-8") as file:
            file.write(f"subjectAltName=DNS:{name}\n")
        self.openssl("x509", "-req", "-in", self.path("server.csr"), "-CA", ca, "-CAkey", key, "-CAcreateserial",
                     "-days", "2", "-extfile", self.path("names"), "-out", self.path("server.pem"))
        with open(ca, encoding="utf-8") as file:
            self.pem = file.read()

    def path(self, name):
        return os.path.join(self.folder, name)

    def issue(self, name, days=2):
        """A certificate for a client, and its key, as PEM texts."""
        key, request, made = self.path(f"{name}.key"), self.path(f"{name}.csr"), self.path(f"{name}.pem")
        self.openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                     "-keyout", key, "-out", request)
        self.openssl("x509", "-req", "-in", request, "-CA", self.path("ca.pem"), "-CAkey", self.path("ca.key"),
                     "-CAcreateserial", "-days", str(days), "-out", made)
        texts = []
        for path in (made, key):
            with open(path, encoding="utf-8") as file:
                texts.append(file.read())
        return texts

    @staticmethod
    def openssl(*arguments):
        run(["openssl", *arguments])


class TlsProvider(Provider):
    """`clients`: the Authority that a client's certificate has to be of; None: it is not asked for one."""

    def __init__(self, server, port, authority, clients=None, **options):
        super().__init__(server, port, **options)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(authority.path("server.pem"), authority.path("server.key"))
        self.context.sni_callback = self.on_name
        if clients:
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_verify_locations(clients.path("ca.pem"))
        self.names = []  # that clients asked for (SNI)
        self.shown = {}  # by user: the common name of the certificate on whose connection it registered last
        self.lock = threading.Lock()
        self.connection, self.accepted = None, 0

    def __enter__(self):
        self.listener = socket.create_server((self.address, self.port))
        super().__enter__()
        self.transport = "tls"  # in Via and Contact
        return self

    def __exit__(self, *exception):
        super().__exit__(*exception)
        self.listener.close()

    def on_name(self, _socket, name, _context):
        self.names.append(name)

    def write(self, text, connection=None):
        with self.lock:
            (connection or self.connection).sendall(text.encode())

    def send(self, text):
        self.write(text)

    def reply(self, text, source, status, lines=""):
        to = header(text, "To")
        if ";tag=" not in to:
            to += f";tag=p{self.port}"
        self.write(f"SIP/2.0 {status}\r\nVia: {header(text, 'Via')}\r\nFrom: {header(text, 'From')}\r\nTo: {to}\r\n"
                   f"Call-ID: {header(text, 'Call-ID')}\r\nCSeq: {header(text, 'CSeq')}\r\n{lines}Content-Length: 0\r\n\r\n", source)
        return True

    def serve(self):
        while not self.stopping:
            if not select.select([self.listener], [], [], 0.1)[0]:
                continue
            connection, _source = self.listener.accept()
            threading.Thread(target=self.meet, args=(connection,), daemon=True).start()

    def meet(self, connection):
        try:
            connection = self.context.wrap_socket(connection, server_side=True)
            self.connection = connection
            self.accepted += 1
            self.talk(connection)
        except OSError:
            pass  # the client did not like the certificate, or has left

    def note(self, text, connection):
        subject = dict(pair[0] for pair in (connection.getpeercert() or {}).get("subject", ()))
        self.shown[re.search(r"sip:([^@]+)@", header(text, "To"))[1]] = subject.get("commonName")

    def talk(self, connection):
        data = b""
        while not self.stopping:
            if not connection.pending() and not select.select([connection], [], [], 0.1)[0]:
                continue
            with self.lock:
                got = connection.recv(65536)
            if not got:
                return
            data = (data + got).lstrip(b"\r\n")
            while b"\r\n\r\n" in data:
                head, _, rest = data.partition(b"\r\n\r\n")
                length = int(header(head.decode(), "Content-Length") or 0)
                if len(rest) < length:
                    break
                text = (head + b"\r\n\r\n" + rest[:length]).decode()
                data = rest[length:].lstrip(b"\r\n")
                self.heard.append(text)
                if text.startswith("REGISTER"):
                    self.note(text, connection)
                if not self.answers_itself(text, connection):
                    self.arrived.put(text)
