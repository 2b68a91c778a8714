"""Prints, as JSON, a key and a certificate for the host names in argv, good for one day and signed by itself.

Python's cryptography comes with moto; Node.js can read certificates but not make them.
"""
import datetime
import json
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

key = ec.generate_private_key(ec.SECP256R1())
name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "in front of moto")])
now = datetime.datetime.now(datetime.timezone.utc)
hour = datetime.timedelta(hours=1)
certificate = (
    x509.CertificateBuilder()
    .subject_name(name)
    .issuer_name(name)
    .public_key(key.public_key())
    .serial_number(x509.random_serial_number())
    .not_valid_before(now - hour)
    .not_valid_after(now + 24 * hour)
    .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in sys.argv[1:]]), critical=False)
    .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    .sign(key, hashes.SHA256())
)
pem = serialization.Encoding.PEM
print(
    json.dumps(
        {
            "key": key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode(),
            "certificate": certificate.public_bytes(pem).decode(),
        }
    )
)
