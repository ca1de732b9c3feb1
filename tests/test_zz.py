import time
def test_c(children, tiny_model, tmp_path):
    for i in range(3):
        t=time.time()
        code, c = children.run(["run","-p","/work/main/tests/tasks.py:WordsTask","--model",str(tiny_model),"--epochs","1","--output",str(tmp_path/f'o{i}')])
        print(code, time.time()-t, c.stdout, c.stderr)
    code, c = children.run(["run"])
    print(code,c.stdout,c.stderr)
