package clockwire;

import com.caucho.hessian.io.Hessian2Input;
import com.caucho.hessian.io.Hessian2Output;
import com.caucho.hessian.server.HessianSkeleton;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.lang.annotation.RetentionPolicy;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Reads our messages with the JDK's object streams and Caucho's Hessian, and writes them anew for us. */
public class Files {
    static Path from;
    static Path to;

    public static void main(String[] arguments) throws Exception {
        from = Path.of(arguments[0]);
        to = Path.of(arguments[1]);
        objects();
        values();
        calls();
        replies();
    }

    static byte[] read(String name) throws Exception {
        return java.nio.file.Files.readAllBytes(from.resolve(name));
    }

    static void write(String name, ByteArrayOutputStream bytes) throws Exception {
        java.nio.file.Files.write(to.resolve(name), bytes.toByteArray());
    }

    /** values.ser: primitives and objects; what Java writes of them is compared with ours byte for byte. */
    static void objects() throws Exception {
        ObjectInputStream in = new ObjectInputStream(new ByteArrayInputStream(read("values.ser")));
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        ObjectOutputStream out = new ObjectOutputStream(bytes);
        int first = in.readInt();
        long second = in.readLong();
        byte[] block = new byte[2000];
        in.readFully(block);
        Sample.same(7, first);
        Sample.same(-5L, second);
        out.writeInt(first);
        out.writeLong(second);
        out.write(block);
        List<Object> all = new ArrayList<>();
        for (int at = 0; at < 18; at++) {
            all.add(in.readObject());
            out.writeObject(all.get(at));
        }
        Sample.same(-1, in.read());
        out.flush();
        Object[] boxes = {(byte) -1, '\u20ac', 0.1, -2.5f, Integer.MIN_VALUE, Long.MAX_VALUE, (short) -300, true};
        Sample.same(Arrays.asList(boxes), all.subList(0, 8));
        Sample.same("\u00f6\u20ac\ud83e\uddc0\0", all.get(8));
        Sample.same("\u00e9".repeat(40_000), all.get(9));
        Sample.same(true, all.get(8) == all.get(10));
        Sample.same("[1, 2, -1]", Arrays.toString((byte[]) all.get(12)));
        Sample.same("[1, -2]", Arrays.toString((int[]) all.get(13)));
        Sample.same(true, ((String[]) all.get(14))[0] == all.get(8));
        Sample.same(List.of(all.get(8), all.get(9)), all.get(15));
        Sample.same(RetentionPolicy.RUNTIME, all.get(16));
        Sample.same(Number.class, all.get(17));
        write("values.ser", bytes);
        System.out.println("java.io: " + (3 + all.size()) + " values read and written again");
    }

    /** values.hessian: all kinds of values. */
    static void values() throws Exception {
        Hessian2Input in = new Hessian2Input(new ByteArrayInputStream(read("values.hessian")));
        List<?> all = (List<?>) in.readObject();
        Sample.same(true, all.get(all.size() - 1) == all);
        Sample.same(Sample.item(2), all.get(all.size() - 2));
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        Hessian2Output out = new Hessian2Output(bytes);
        out.writeObject(all);
        out.flush();
        write("values.hessian", bytes);
        System.out.println("com.caucho.hessian: " + all.size() + " values read and written again");
    }

    /** Our calls are served by Caucho's server, its replies are for us to read; Caucho's calls too. */
    static void calls() throws Exception {
        String[][] served = {{"get", "item"}, {"list", "items"}, {"create", "created"}};
        HessianSkeleton skeleton = new HessianSkeleton(new Sample(), ItemService.class);
        for (String[] pair : served) {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            skeleton.invoke(new ByteArrayInputStream(read("hessian-" + pair[0] + ".call")), bytes);
            write("hessian-" + pair[1] + ".reply", bytes);
        }
        Object[][] calls = {{"get", Sample.ID}, {"list", 0, 3}, {"create", Sample.item(Sample.ID)}, {"get", Sample.MISSING}};
        for (Object[] call : calls) {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            Hessian2Output out = new Hessian2Output(bytes);
            out.call((String) call[0], Arrays.copyOfRange(call, 1, call.length));
            out.flush();
            if (call[1].equals(Sample.MISSING)) {
                ByteArrayOutputStream fault = new ByteArrayOutputStream();
                skeleton.invoke(new ByteArrayInputStream(bytes.toByteArray()), fault);
                write("hessian-missing.reply", fault);
            } else {
                write("hessian-" + call[0] + ".call", bytes);
            }
        }
        System.out.println("com.caucho.hessian: 3 calls of ours served, 3 calls and 4 replies written");
    }

    static Object reply(String name, Class<?> type) throws Exception {
        ByteArrayInputStream in = new ByteArrayInputStream(read("hessian-" + name + ".reply"));
        // Caucho's proxy reads the version itself, before it chooses a reader.
        Sample.same("[72, 2, 0]", Arrays.toString(in.readNBytes(3)));
        try {
            return new Hessian2Input(in).readReply(type);
        } catch (Exception | Error problem) {
            throw problem;
        } catch (Throwable problem) {
            throw new IllegalStateException(problem);
        }
    }

    static void replies() throws Exception {
        Sample.same(Sample.item(Sample.ID), reply("item", Item.class));
        Sample.same(new Sample().list(0, 3), reply("items", List.class));
        Sample.same(Sample.CREATED, reply("created", long.class));
        try {
            reply("missing", Item.class);
            throw new IllegalStateException("no fault was read");
        } catch (NotFoundException missing) {
            Sample.same(Sample.MISSING, missing.id);
            Sample.same("no item " + Sample.MISSING, missing.getMessage());
        }
        System.out.println("com.caucho.hessian: 4 replies of ours read");
    }
}
