import msgspec, re, html
from urllib.parse import urljoin, unquote
from eggproxy.model import *
class Nonsense(Exception):
    def __init__(self, why): self.why=why; super().__init__(why)
def project_detail(body,*,content_type,url,project):
    files=[]
    if 'json' in content_type:
        d=msgspec.json.decode(body)
        for f in d["files"]:
            files.append(File(filename=f["filename"],url=urljoin(url,f["url"]),hashes=f["hashes"],requires_python=f.get("requires-python"),core_metadata=f.get("core-metadata"),size=f.get("size"),yanked=f.get("yanked",False),upload_time=f.get("upload-time")))
        return ProjectDetail(name=project,files=files,versions=d.get("versions"),api_version=(1,4))
    for m in re.finditer(r'<a ([^>]*)>([^<]*)</a>',body.decode()):
        a=dict(re.findall(r'([\w-]+)="([^"]*)"',m[1])); u=html.unescape(a["href"]); u,_,frag=u.partition("#")
        h={}
        if "=" in frag: k,v=frag.split("="); h={k:v}
        cm=a.get("data-core-metadata") or a.get("data-dist-info-metadata")
        files.append(File(filename=unquote(u.rsplit("/",1)[1]),url=urljoin(url,u),hashes=h,requires_python=html.unescape(a["data-requires-python"]) if "data-requires-python" in a else None,core_metadata=dict([cm.split("=")]) if cm and "=" in cm else None))
    return ProjectDetail(name=project,files=files)
def project_list(body,*,content_type,url):
    return ProjectList(projects=(ListedProject(name=m[1]) for m in re.finditer(r'>([\w.-]+)</a>',body.decode())))
